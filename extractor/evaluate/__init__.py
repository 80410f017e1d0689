"""RuleSet x Scene (+ Config) -> Activation: conditions answered, variables set, patterns expanded and compiled.

Words defined here: Scene, Profile (``scene``); ActiveRule, Meeting, Activation (``active``); a *frame* is one context:
the machine, or one user who comes. ``select`` walks the volumes and hives with the active rules.
"""

from __future__ import annotations

from extractor.evaluate.active import Activation, ActiveRule, Meeting
from extractor.evaluate.scene import Profile, Scene

__all__ = ["Activation", "ActiveRule", "Meeting", "Profile", "Scene"]
