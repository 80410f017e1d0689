"""Images + rules -> answers: why an object is taken or not (explain), and what no rule reaches (coverage).

Words defined here: Answer, Explainer (``answers``); Touch (``trace``); Coverage, RuleUse (``coverage``); Folder, one
that is left behind (``uncollected``).
"""
