"""Names of files -> kinds a person knows: by extension, and by folder of the profile where no component tells."""

from __future__ import annotations

_EXTENSIONS = {
    "Documents": "doc docx docm dot dotx dotm odt ott rtf pdf txt md tex wps wpd pages xps oxps epub one onetoc2",
    "Spreadsheets": "xls xlsx xlsm xlsb xlt xltx ods csv tsv numbers",
    "Presentations": "ppt pptx pptm pps ppsx pot potx odp key",
    "Pictures": "jpg jpeg png gif bmp tif tiff webp heic heif svg ico psd ai eps raw cr2 cr3 nef arw dng orf rw2 xcf",
    "Music and sound": "mp3 m4a wav wma flac ogg opus aac aiff mid midi m3u",
    "Videos": "mp4 mov avi mkv wmv m4v mpg mpeg webm 3gp mts m2ts flv vob",
    "Mail and calendars": "pst ost nst oft eml emlx msg mbox mbx dbx wab nk2 ics vcf msf nsf",
    "Databases": "sqlite sqlite3 sqlitedb db db3 mdb accdb mdf ldf ndf dbf fdb bak kdbx kdb sdf",
    "Archives": "zip 7z rar tar gz tgz bz2 xz zst cab iso img jar",
    "Virtual disks": "vhd vhdx vmdk vdi qcow2 vmem vmsn vmx avhdx",
    "Drawings and models": "dwg dxf acd skp stl step stp iges igs 3mf blend fbx obj vsd vsdx",
    "Programs and scripts": "exe msi msix appx dll sys com bat cmd ps1 psm1 vbs js jse wsf hta scr reg py pl rb sh",
    "Web pages and source": "htm html css scss ts tsx jsx php c h cpp hpp cs java go rs swift kt xaml sql vue ipynb",
    "Settings and logs": "ini cfg conf config json jsonc xml yaml yml toml log plist properties dat pbk rdp ovpn evtx",
    "Shortcuts": "lnk url website appref-ms",
    "Fonts": "ttf otf ttc fon woff woff2",
    "Keys and certificates": "pfx p12 cer crt pem der ppk asc gpg pub",
}
KINDS = {each: kind for kind, words in _EXTENSIONS.items() for each in words.split()}
OTHER = "Other files"
NO_EXTENSION = "No extension"

_IN_PROFILE = {
    "DOCUMENTS": "Documents", "MY DOCUMENTS": "Documents", "DESKTOP": "Desktop", "PICTURES": "Pictures",
    "MUSIC": "Music", "VIDEOS": "Videos", "DOWNLOADS": "Downloads", "FAVORITES": "Favorites",
    "CONTACTS": "Contacts", "SAVED GAMES": "Saved Games", "APPDATA": "Application data",
    "APPLICATION DATA": "Application data", "LOCAL SETTINGS": "Application data",
}  # fmt: skip
APPLICATION_DATA = "Application data"
IN_PROFILE = "Other files in the profile"
ELSEWHERE = "Files and folders beside Windows"


def kind_of_name(path: str) -> str:
    """Return the kind of a file by the extension of its name."""
    name = path[path.rfind("\\") + 1 :]
    stem, dot, extension = name.rpartition(".")
    if not dot or not stem:
        return NO_EXTENSION
    return KINDS.get(extension.lower(), OTHER)


def folder_of(path: str, profile: str) -> str:
    """Return the kind of folder a file lies in, by its path and its owner's profile folder."""
    head, rest = path[: len(profile)], path[len(profile) :]
    if not profile or head.upper() != profile.upper() or not rest.startswith("\\"):
        return ELSEWHERE
    first = rest[1:].partition("\\")[0].upper()
    if first.startswith("ONEDRIVE"):
        return "OneDrive"
    return _IN_PROFILE.get(first, IN_PROFILE)
