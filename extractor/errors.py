"""Every error of the product, each with the exit code that USMT documents for it.

ColdstateError
├─ UsageError            11  command line, Offline.xml, Config.xml, MigXML: found before anything is read
│  ├─ ArgumentTooLongError  12  an argument or the store path is longer than 256 characters
│  ├─ LogFileError          13  ``/l`` names a file that cannot be written
│  ├─ ListFileError         26  ``/listfiles`` names a file that cannot be written
│  ├─ ConfigAsRulesError    26  a Config.xml was given with ``/i``
│  ├─ OfflineFileError      29  the Offline.xml is not one
│  ├─ RuleFileError         28  a file given with ``/i`` is missing or is not MigXML
│  ├─ UnreadableKeyError    33  a file with keys cannot be read, or holds none
│  ├─ OfflineSwitchError    36  a switch of offline mode was given to ``loadstate``
│  ├─ ConfigFileError       39  a file given with ``/config`` is missing or is not a Config.xml
│  ├─ ProgressLogError      40  ``/progress`` names a file that cannot be written
│  └─ EstimateFileError     41  ``/p`` names a file that exists or cannot be written
├─ ImageError            26  an image cannot be opened, or is not what it says
├─ NoWindowsError        26  no valid Windows for this request
├─ MultipleWindowsError  26  ``failOnMultipleWinDir`` is 1 and there are several
├─ ProfileError          26  a temporary or duplicate-SID profile would migrate (MIG_FAIL_ON_PROFILE_ERROR)
├─ DriveMapError         29  the drive letters of the offline Windows cannot be mapped
├─ SourceError           61  ONE object could not be read: a policy decides whether the run goes on
│  ├─ DamagedError           bytes that the medium or the image does not hold
│  ├─ UnsupportedError       bytes that need something we do not have (a cloud, a key, a decoder)
│  └─ EncryptedError      2  an EFS file, and ``/efs:abort``
├─ StoreError            72  the store cannot be written: always the end
│  ├─ StoreLocationError     27  a store is there already, or the place is not fit for one
│  ├─ NoSuchStoreError       27  what was named is no store of ours
│  ├─ StoreNotRemovedError    35  a store cannot be removed
│  ├─ WrongKeyError          37  no key that was given opens the encrypted store
│  └─ CorruptStoreError      42  a store whose bytes are not what its manifest says
├─ OutputError           72  the results of a command cannot be printed
├─ CanceledError          2  Ctrl+C
└─ LedgerError           71  our own totals do not balance: a defect of this program, never hidden

Source: USMT "Return codes". Foreign exceptions are translated into these at the read, by the adapter that owns
the library.
"""

from __future__ import annotations

from typing import ClassVar


class ColdstateError(Exception):
    """An error whose text is one clear sentence for the person at the terminal."""

    exit_code: ClassVar[int] = 71


class UsageError(ColdstateError):
    """The request itself is wrong; nothing was read yet. XML problems begin with ``file:line:``."""

    exit_code = 11


class ArgumentTooLongError(UsageError):
    """An argument or the store path has more than 256 characters."""

    exit_code = 12


class LogFileError(UsageError):
    """The log file cannot be written."""

    exit_code = 13


class ListFileError(UsageError):
    """The list of files cannot be written."""

    exit_code = 26


class ConfigAsRulesError(UsageError):
    """A Config.xml was given as rules; USMT says 26 here, not 28."""

    exit_code = 26


class OfflineFileError(UsageError):
    """An Offline.xml is malformed; USMT calls an XML error a failed start of the migration."""

    exit_code = 29


class RuleFileError(UsageError):
    """A rule file is missing or is not MigXML."""

    exit_code = 28


class UnreadableKeyError(UsageError):
    """A file with keys cannot be read, or holds none (USMT_UNABLE_READKEY)."""

    exit_code = 33


class ConfigFileError(UsageError):
    """A Config.xml is missing, is malformed, or is something else."""

    exit_code = 39


class ProgressLogError(UsageError):
    """The progress log cannot be written."""

    exit_code = 40


class EstimateFileError(UsageError):
    """The space estimate cannot be written, or its file is there already."""

    exit_code = 41


class ImageError(ColdstateError):
    """An image, or a volume in it, cannot be opened as what it says it is."""

    exit_code = 26


class NoWindowsError(ColdstateError):
    """No valid Windows directory was found for this request."""

    exit_code = 26


class MultipleWindowsError(ColdstateError):
    """Several Windows installations were found and the request forbids that."""

    exit_code = 26


class ProfileError(ColdstateError):
    """A profile that would migrate is a temporary one, or one of two that claim the same SID."""

    exit_code = 26


class DriveMapError(ColdstateError):
    """The offline machine's drive letters cannot be mapped to the volumes of the images."""

    exit_code = 29


class SourceError(ColdstateError):
    """One object of the evidence could not be read; it always leaves an outcome in the ledger."""

    exit_code = 61
    win32: ClassVar[tuple[int, ...]] = (1117,)
    """What Windows would have called it, for the ``errorCode`` of a Config.xml (usmt.md 5.4): ERROR_IO_DEVICE."""


class DamagedError(SourceError):
    """The medium or the image does not hold these bytes (bad sector, bad chunk, torn record)."""

    win32 = (23, 1117)
    """ERROR_CRC, ERROR_IO_DEVICE."""


class UnsupportedError(SourceError):
    """The bytes are not on this disk in a form that can be read (cloud-only, deduplicated, unknown)."""

    win32 = (13,)
    """ERROR_INVALID_DATA."""


class EncryptedError(SourceError):
    """The object is encrypted with EFS and the request does not say what to do with it."""

    exit_code = 2
    win32 = (5,)
    """ERROR_ACCESS_DENIED."""


class StoreError(ColdstateError):
    """The store cannot be written; the run ends and no half store is left under its final name."""

    exit_code = 72


class StoreLocationError(StoreError):
    """A store is there already, or the place is not fit to hold one."""

    exit_code = 27


class NoSuchStoreError(StoreError):
    """The directory is no store that this program wrote, or an incomplete one."""

    exit_code = 27


class OfflineSwitchError(UsageError):
    """A switch of ScanState's offline mode was given at load (USMT_ERROR_UNSUPPORTED_PLATFORM)."""

    exit_code = 36


class StoreNotRemovedError(StoreError):
    """A store cannot be removed (USMT_UNABLE_DELETE_STORE)."""

    exit_code = 35


class WrongKeyError(StoreError):
    """No key that was given opens the encrypted store."""

    exit_code = 37


class CorruptStoreError(StoreError):
    """Bytes of the store differ from its manifest."""

    exit_code = 42


class OutputError(ColdstateError):
    """The results of a command cannot be printed (disk full)."""

    exit_code = 72


class CanceledError(ColdstateError):
    """The person at the terminal pressed Ctrl+C."""

    exit_code = 2


class LedgerError(ColdstateError):
    """The ledger does not balance: entries seen differ from entries accounted for."""

    exit_code = 71
