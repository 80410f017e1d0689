"""Users of a store and words about them -> who each is at the target: account, SID, profile; how a new one begins."""
