"""A store -> an offline Windows, or a folder of this host: first a plan, then what it says, journaled, undoable.

Words defined here: a *person* is a user of the store and who that is at the target; a *task* is one object, where it
goes and why; a *step* is one change of the target, written down before it is made. The folders below: ``people`` is
who is who, ``rules`` what decides about an object, ``target`` finds and mounts, ``settings`` is all that concerns
hives, INI files and accounts. What is left here is the way itself: ``mapping``, ``plan``, ``journal``, ``apply``.
"""
