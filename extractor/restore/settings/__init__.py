"""Keys and values of a store -> the hives and INI files of a target: merged, relocated, written anew."""
