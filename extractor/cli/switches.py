"""THE table of switches: one row gives the slash spelling, the long option, the help and the field it fills.

argparse's options, the translation of slashes, the help text and the README test all come from it. Names, meaning and
rules are those of USMT "ScanState syntax"; what is our own has no slash name.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Takes(Enum):
    """What follows a switch."""

    NOTHING = "nothing"
    VALUE = "value"
    MAYBE = "maybe"
    """A value only in the form ``/switch:value``."""


class State(Enum):
    """How much of a switch works."""

    WORKS = "works"
    ACCEPTED = "accepted"
    """Taken from runbooks; it has no effect on an image, and the log says so."""
    REFUSED = "refused"
    """Would change the result in a way that we cannot give: an error, never ignored."""


@dataclass(frozen=True, slots=True)
class Switch:
    """One row of the table."""

    slash: str
    long: str
    field: str
    takes: Takes
    help: str
    group: str
    repeatable: bool = False
    state: State = State.WORKS
    short: str = ""
    """One letter, where another tool has made it a habit."""
    secret: bool = False
    """True when its value is a secret: nothing that is shown or written holds it."""
    why: str = ""
    """For a switch that is accepted or refused: the sentence that the user reads."""


NOTHING, VALUE, MAYBE = Takes.NOTHING, Takes.VALUE, Takes.MAYBE
ACCEPTED, REFUSED = State.ACCEPTED, State.REFUSED
SOURCE, RULES, USERS, STORE, REPORT = "source", "rules", "users", "store", "reports"
CUSTODY = "custody (STORE/custody)"

SWITCHES: tuple[Switch, ...] = (
    # --- source
    Switch("offline", "offline", "offline", VALUE, "Offline.xml: which Windows, drive mappings", SOURCE),
    Switch("offlineWinDir", "offline-windir", "win_dir", VALUE, "the Windows directory to scan", SOURCE),
    Switch("offlineWinOld", "offline-winold", "win_old", VALUE, "the Windows.old directory to scan", SOURCE),
    Switch("", "all-windows", "all_windows", NOTHING, "scan every valid Windows, one store each", SOURCE),
    Switch("", "verify-image", "verify_image", NOTHING, "hash the medium, compare with its stored hashes", SOURCE),
    Switch("", "bitlocker-key", "bitlocker_key", VALUE, "file with a BitLocker key, - for standard input", SOURCE,
           repeatable=True),
    Switch("", "keychain", "keychain", VALUE, "CSV list of keys: provider,key_type,identifier,value", SOURCE,
           repeatable=True, short="K"),
    Switch("", "shadow", "shadows", VALUE,
           "read a volume as it was: N or VOLUME:N, a shadow copy as inspect lists them; N alone is of the one volume"
           " that has some, or of the one of those that holds a Windows", SOURCE, repeatable=True),
    Switch("localonly", "localonly", "local_only", NOTHING, "fixed drives only", SOURCE, state=ACCEPTED,
           why="every volume of an image counts as a fixed drive"),
    Switch("vsc", "vsc", "vsc", NOTHING, "volume shadow copy", SOURCE, state=ACCEPTED,
           why="nothing on an image is locked"),
    # --- rules
    Switch("i", "rules", "rules", VALUE, "a MigXML rule file (default: the built-in pack)", RULES, repeatable=True),
    Switch("efs", "efs", "efs", VALUE, "EFS files: abort (default), skip, copyraw or decryptcopy", RULES),
    Switch("", "efs-pfx", "efs_pfx", VALUE, "PFX file with a key for /efs:decryptcopy", RULES, repeatable=True),
    Switch("", "efs-password", "efs_password", VALUE, "file with its password, - for standard input", RULES),
    Switch("", "efs-user-password", "efs_user_password", VALUE, "file with the Windows password of who owns EFS files",
           RULES),
    Switch("config", "config", "config", VALUE, "Config.xml: what migrates, which errors end the run", RULES),
    Switch("auto", "auto", "auto", MAYBE, "the built-in pack, or MigDocs.xml, MigApp.xml of AUTO; /v:5", RULES),
    Switch("genconfig", "genconfig", "genconfig", VALUE, "write a Config.xml of the components found, no store", RULES),
    Switch("genmigxml", "genmigxml", "genmigxml", VALUE, "write what the document finder finds as rules", RULES),
    # --- users
    Switch("all", "all", "all_users", NOTHING, "all users (the default)", USERS),
    Switch("ui", "user-include", "user_include", VALUE, r"include users: [DOMAIN\]NAME or SID, * allowed", USERS,
           repeatable=True),
    Switch("ue", "user-exclude", "user_exclude", VALUE, r"exclude users: [DOMAIN\]NAME or SID, * allowed", USERS,
           repeatable=True),
    Switch("uel", "user-last-used", "last_used", VALUE, "include users by last use: DAYS, YYYY/MM/DD or 0", USERS),
    Switch("", "reference-time", "reference_time", VALUE, "the day that /uel counts back from: YYYY/MM/DD", USERS),
    # --- store
    Switch("o", "overwrite", "overwrite", NOTHING, "overwrite an existing store of ours", STORE),
    Switch("nocompress", "nocompress", "no_compress", NOTHING, "the uncompressed layout STORE/USMT/File/C$/...", STORE),
    Switch("", "compression", "compression", VALUE, "of store.wim: xpress (default), lzx or none", STORE),
    Switch("", "resume", "resume", NOTHING, "go on with the incomplete store that a run left", STORE),
    Switch("", "retry-failed", "retry_failed", NOTHING, "try again what the store that is there could not take", STORE),
    Switch("c", "continue", "continue_on_error", NOTHING, "go on past what cannot be read (exit code 3)", STORE),
    Switch("p", "estimate", "estimate", MAYBE, "estimate the space, write no store", STORE),
    Switch("", "dry-run", "dry_run", NOTHING, "select and account, write no store", STORE),
    Switch("", "cross-check", "cross_check", MAYBE, "hash N% of what was stored again by other readers (100%)", STORE),
    Switch("", "sparse-limit", "sparse_limit", VALUE, "largest sparse file to store, in GiB (default: 64)", STORE),
    Switch("r", "retries", "retries", VALUE, "retries of a network write", STORE, state=ACCEPTED,
           why="a store that cannot be written ends the run"),
    Switch("w", "wait", "wait", VALUE, "seconds between retries", STORE, state=ACCEPTED,
           why="a store that cannot be written ends the run"),
    Switch("hardlink", "hardlink", "hardlink", NOTHING, "hard-link store", STORE, state=REFUSED,
           why="files of an image cannot be hard-linked into a store; leave /hardlink out"),
    Switch("encrypt", "encrypt", "encrypt", MAYBE, "encrypt the store (age; USMT's AlgIDs are taken)", STORE),
    Switch("key", "key", "key", VALUE, "the passphrase of the encrypted store", STORE, secret=True),
    Switch("keyfile", "keyfile", "keyfile", VALUE, "a file that holds it", STORE),
    Switch("", "recipient", "recipient", VALUE, "whom to encrypt to: age1..., ssh-ed25519 ..., ssh-rsa ...", STORE,
           repeatable=True),
    Switch("apps", "apps", "apps", NOTHING, "capture installed applications", STORE, state=REFUSED,
           why="applications cannot be captured from an image"),
    Switch("ppkg", "ppkg", "ppkg", VALUE, "provisioning package", STORE, state=REFUSED,
           why="applications cannot be captured from an image"),
    # --- reports
    Switch("l", "log", "log", VALUE, "log file (default: ScanState.log)", REPORT),
    Switch("v", "verbosity", "verbosity", VALUE, "what the log holds: 0 1 4 5 8 9 12 13", REPORT),
    Switch("progress", "progress-log", "progress_log", VALUE, "USMT's progress log", REPORT),
    Switch("listfiles", "listfiles", "list_files", VALUE, "list of the files that were stored", REPORT),
    Switch("", "progress", "progress", VALUE, "what stderr shows: auto, rich, plain, json or none", REPORT),
    # --- custody
    Switch("", "case", "case", VALUE, "the case that the custody record names", CUSTODY),
    Switch("", "evidence", "evidence", VALUE, "the piece of evidence that it names", CUSTODY),
    Switch("", "operator", "operator", VALUE, "who runs this; never guessed from the account", CUSTODY),
)  # fmt: skip

BY_SLASH: dict[str, Switch] = {switch.slash.lower(): switch for switch in SWITCHES if switch.slash}
