r"""What lies where on a real Windows, and which component of the built-in pack has to do with it: one row a component.

A row is the name of a component and the objects that make it known:
``+`` is taken by this component alone, so that a Config.xml that says no to it leaves the object behind;
``&`` is taken by it and would be by another: a document, or a folder beside Windows;
``-`` is not taken by any component.
Paths begin with a short name of PLACES or a drive; a registry value stands in brackets, ``= text`` gives its data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

SID = "S-1-5-21-1-2-3-1001"
HOME = r"C:\Users\anna"
PLACES = {
    "~": HOME,
    "R": rf"{HOME}\AppData\Roaming",
    "L": rf"{HOME}\AppData\Local",
    "LL": rf"{HOME}\AppData\LocalLow",
    "PD": r"C:\ProgramData",
    "W": r"C:\Windows",
    "S": r"C:\Windows\System32",
    "PF": r"C:\Program Files",
    "PX": r"C:\Program Files (x86)",
    "HKCU": rf"HKU\{SID}",
}


@dataclass(frozen=True, slots=True)
class Thing:
    """A file, or a value of the registry: the key and ``[name]``; ``data`` is what it holds."""

    path: str
    data: str = ""

    @property
    def is_value(self) -> bool:
        return self.path.startswith("HK")


@dataclass(frozen=True, slots=True)
class Row:
    """A component and what it has to do with."""

    component: str
    alone: list[Thing] = field(default_factory=list)
    shared: list[Thing] = field(default_factory=list)
    left: list[Thing] = field(default_factory=list)

    @property
    def taken(self) -> list[Thing]:
        return self.alone + self.shared

    @property
    def things(self) -> list[Thing]:
        return self.taken + self.left


def thing(text: str) -> Thing:
    """Read an object as the table writes it."""
    path, _, data = text.partition(" = ")
    first, slash, rest = path.partition("\\")
    path = PLACES.get(first, first) + slash + rest
    if path.startswith("HK"):
        key, _, name = path.partition(" [")
        path = rf"{key}\[{name}" if name else key
    return Thing(path, data)


def rows(table: str) -> Mapping[str, Row]:
    """Read a table; a name that stands in it twice is a mistake."""
    found: dict[str, Row] = {}
    for name, lines in _split(table):
        assert name not in found, f"{name} has two rows"
        row = found[name] = Row(name)
        marked = {"+": row.alone, "&": row.shared, "-": row.left}
        for line in lines:
            marked[line[0]].append(thing(line[2:]))
    return found


def _split(table: str) -> Iterator[tuple[str, list[str]]]:
    lines: list[str] = []
    name = ""
    for line in filter(str.strip, table.splitlines()):
        if line.startswith("    "):
            lines.append(line.strip())
            continue
        if name:
            yield name, lines
        name, lines = line.strip(), []
    yield name, lines


# --- documents ------------------------------------------------------------------------------------

DOCUMENTS = r"""
Other files in the profile
    + ~\Own folder\plan.txt
    + ~\.bash_history
    + ~\ntuser.pol
    + ~\3D Objects\chair.3mf
    + ~\Searches\mine.search-ms
    + ~\source\repos\app\main.c
OneDrive
    + ~\OneDrive\plan.docx
    + ~\OneDrive - Contoso\budget.xlsx
    & D:\Clouds\OneDrive - Fabrikam\offer.docx
    + HKCU\Software\Microsoft\OneDrive\Accounts\Business1 [UserFolder] = D:\Clouds\OneDrive - Fabrikam
    + L\Microsoft\OneDrive\settings\Business1\global.ini
    + L\Microsoft\OneDrive\ListSync\Business1\settings\Microsoft.ListSync.db
    - L\Microsoft\OneDrive\24.123.0618.0001\FileSyncClient.dll
    - L\Microsoft\OneDrive\logs\Personal\SyncEngine.odl
    - L\Microsoft\OneDrive\OneDrive.exe
    - L\Microsoft\OneDrive\StandaloneUpdater\OneDriveSetup.exe
Documents
    + ~\Documents\letter.docx
    + ~\Documents\Temp\not junk.doc
    + ~\Documents\Cache\Code Cache\not junk either.doc
    + ~\Documents\My Games\Game\save.dat
Desktop
    + ~\Desktop\To do.txt
Pictures
    + ~\Pictures\2024\IMG_0001.jpg
    + ~\Pictures\Lightroom\Lightroom Catalog.lrcat
    + ~\Pictures\Lightroom\Lightroom Catalog Previews.lrdata\A\A1\preview.lrprev
    + ~\Pictures\Lightroom\Lightroom Catalog Smart Previews.lrdata\A\A1\a.dng
Music
    + ~\Music\Old\song.mp3
    + ~\Music\iTunes\iTunes Library.itl
Videos
    + ~\Videos\Captures\game.mp4
Favorites
    + ~\Favorites\Links\Example.url
Downloads
    + ~\Downloads\invoice.pdf
Contacts
    + ~\Contacts\Bob.contact
Saved Games
    + ~\Saved Games\Studio\Game\slot1.sav
Public profile
    + C:\Users\Public\Documents\Telephone list.txt
    + C:\Users\Public\Desktop\Acme.lnk
    + C:\Users\Public\AccountPictures\S-1-5-21-1-2-3-1001\{1}.jpg
    + C:\Users\Public\Documents\Hyper-V\Virtual Hard Disks\server.vhdx
Files and folders beside Windows
    + C:\Projects\2024\plan.txt
    + C:\notes.txt
    + C:\inetpub\wwwroot\index.html
    + C:\Temp\kept.doc
    + D:\Films\a.mkv
    + D:\readme.txt
    + D:\Recovery\found.jpg
    + D:\Documents and Settings\otto\My Documents\old.doc
    + D:\ProgramData\Books\ledger.db
    + D:\Users\otto\Desktop\of another Windows.txt
    - C:\Windows\explorer.exe
    - C:\Windows\Temp\x.tmp
    - C:\Program Files\Acme\acme.exe
    - C:\Program Files (x86)\Acme\legacy.exe
    - C:\Windows.old\Users\anna\Documents\before.docx
    - C:\Windows.old.000\Windows\explorer.exe
    - C:\$WINDOWS.~BT\Sources\install.esd
    - C:\$Windows.~WS\Sources\setup.exe
    - C:\$WinREAgent\Scratch\update.wim
    - C:\$SysReset\Logs\a.log
    - C:\Recovery\WindowsRE\Winre.wim
    - C:\Recovery\OEM\ResetConfig.xml
    - D:\Recovery\WindowsRE\Winre.wim
    - C:\PerfLogs\a.blg
    - C:\MSOCache\All Users\{1}\setup.msi
    - C:\Config.Msi\1.rbf
    - C:\Boot\BCD
    - C:\bootmgr
    - C:\DumpStack.log.tmp
    - D:\Windows\explorer.exe
    - D:\Program Files\Game\game.exe
    - D:\ProgramData\Microsoft\Crypto\keys
    - C:\Users\Default\Documents\template.txt
Never taken
    - C:\pagefile.sys
    - C:\hiberfil.sys
    - C:\swapfile.sys
    - D:\pagefile.sys
    - C:\$Recycle.Bin\S-1-5-21-1-2-3-1001\$RA1B2C3.docx
    - D:\$RECYCLE.BIN\S-1-5-21-1-2-3-1001\$RA1B2C3.jpg
    - D:\RECYCLER\S-1-5-21-1-2-3-1001\Dc1.doc
    - ~\Documents\$RECYCLE.BIN\$RX.txt
    - C:\System Volume Information\tracking.log
    - C:\$Extend\$UsnJrnl
"""

# --- application data -----------------------------------------------------------------------------

APPLICATIONS = r"""
Application data of other programs
    + R\Acme\keys.acs
    + R\settings of no folder.ini
    + L\AcmeCad\Projects\museum.dwg
    + L\AcmeCad\Cache\not known to be junk.dat
    + L\Microsoft\Something new\state.db
    + L\Microsoft\Windows\Explorer\ExplorerStartupLog.etl
    + LL\Studio\Game\save.dat
    + R\Some Electron\Local Storage\leveldb\000003.log
    + R\Microsoft\Unterschriften\Standard.htm
    - L\Temp\x.tmp
    - LL\Temp\x.tmp
    - L\Microsoft\Windows\INetCache\IE\ABCD\page.htm
    - L\Microsoft\Windows\Caches\cversions.1.db
    - L\Microsoft\Windows\WER\ReportArchive\a\Report.wer
    - L\Microsoft\Windows\Explorer\thumbcache_96.db
    - L\Microsoft\Windows\Explorer\iconcache_16.db
    - L\IconCache.db
    - L\CrashDumps\acme.exe.1.dmp
    - L\Package Cache\{1}\vc_redist.x64.exe
    - L\Microsoft\WindowsApps\python.exe
    - L\D3DSCache\1\F.val
    - L\NVIDIA\DXCache\a.nvph
    - L\AMD\DxCache\a.bin
    - R\Some Electron\Code Cache\js\index
    - R\Some Electron\Cache\Cache_Data\f_000001
    - L\Some Browser\User Data\Default\GPUCache\data_1
    - L\Some Browser\User Data\Default\Service Worker\CacheStorage\1\a
    - L\pip\cache\http\a
    - L\npm-cache\_cacache\a
    - L\go-build\00\a
Application data of all users
    + PD\Acme\licence.dat
    + PD\Books\company.db
    - PD\Microsoft\Windows Defender\Scans\mpcache.bin
    - PD\Microsoft\Search\Data\Applications\Windows\Windows.edb
    - PD\Package Cache\{1}\setup.exe
    - PD\USOShared\Logs\a.etl
Store apps
    + L\Packages\Contoso.App_1a2b3c4d5e6f7\LocalState\data.sqlite
    + L\Packages\Contoso.App_1a2b3c4d5e6f7\Settings\settings.dat
    + L\Packages\Contoso.App_1a2b3c4d5e6f7\LocalCache\Roaming\App\profile.ini
    - L\Packages\Contoso.App_1a2b3c4d5e6f7\TempState\a.tmp
    - L\Packages\Contoso.App_1a2b3c4d5e6f7\AC\INetCache\A\a.htm
    - L\Packages\Contoso.App_1a2b3c4d5e6f7\AC\Temp\a.tmp
    - L\Packages\Contoso.App_1a2b3c4d5e6f7\LocalState\EBWebView\Default\Code Cache\js\a
Programs installed for one user
    + L\Programs\Portable\data\mine.db
Files that old programs wrote to Program Files
    + L\VirtualStore\Program Files (x86)\Old program\old.ini
Registry hives of the user
    + ~\NTUSER.DAT
    + ~\ntuser.dat.LOG1
    + ~\NTUSER.DAT{1}.TM.blf
    + ~\ntuser.ini
    + L\Microsoft\Windows\UsrClass.dat
    + L\Microsoft\Windows\UsrClass.dat.LOG2
"""

BROWSERS = r"""
Google Chrome
    + L\Google\Chrome\User Data\Local State
    + L\Google\Chrome\User Data\Default\Bookmarks
    + L\Google\Chrome\User Data\Default\Login Data
    + L\Google\Chrome\User Data\Default\History
    + L\Google\Chrome\User Data\Default\Network\Cookies
    + L\Google\Chrome\User Data\Default\IndexedDB\https_example_0.indexeddb.leveldb\000003.log
    + L\Google\Chrome\User Data\Profile 1\Preferences
    + L\Google\Chrome\User Data\Profile 1\Extensions\abcd\1.0_0\Cache\of an extension.js
    + L\Google\Chrome Beta\User Data\Default\Bookmarks
    + L\Google\Chrome SxS\User Data\Default\Bookmarks
    - L\Google\Chrome\User Data\Default\Cache\Cache_Data\f_000001
    - L\Google\Chrome\User Data\Profile 1\Code Cache\js\index
    - L\Google\Chrome\User Data\Default\GPUCache\data_1
    - L\Google\Chrome\User Data\Default\Service Worker\CacheStorage\1\a
    - L\Google\Chrome\User Data\Crashpad\reports\a.dmp
    - L\Google\Chrome\User Data\Safe Browsing\UrlBilling.store
    - L\Google\Chrome Beta\User Data\Default\Cache\Cache_Data\f_000001
Chromium
    + L\Chromium\User Data\Default\Bookmarks
    - L\Chromium\User Data\Default\Cache\Cache_Data\f_000001
Microsoft Edge
    + L\Microsoft\Edge\User Data\Local State
    + L\Microsoft\Edge\User Data\Default\Login Data
    + L\Microsoft\Edge\User Data\Default\Collections\collectionsSQLite
    + L\Microsoft\Edge Beta\User Data\Default\Bookmarks
    - L\Microsoft\Edge\User Data\Default\Cache\Cache_Data\f_000001
    - L\Microsoft\Edge\User Data\Default\GPUCache\data_1
Brave
    + L\BraveSoftware\Brave-Browser\User Data\Default\Bookmarks
    + L\BraveSoftware\Brave-Browser-Nightly\User Data\Default\Bookmarks
    - L\BraveSoftware\Brave-Browser\User Data\Default\Cache\Cache_Data\f_000001
Vivaldi
    + L\Vivaldi\User Data\Default\Notes
    - L\Vivaldi\User Data\Default\Cache\Cache_Data\f_000001
Opera
    + R\Opera Software\Opera Stable\Default\Bookmarks
    + R\Opera Software\Opera GX Stable\Login Data
    - L\Opera Software\Opera Stable\Cache\Cache_Data\f_000001
    - R\Opera Software\Opera Stable\Code Cache\js\index
Firefox
    + R\Mozilla\Firefox\profiles.ini
    + R\Mozilla\Firefox\Profiles\k2x9.default-release\places.sqlite
    + R\Mozilla\Firefox\Profiles\k2x9.default-release\logins.json
    + R\Mozilla\Firefox\Profiles\k2x9.default-release\key4.db
    + R\Mozilla\Firefox\Profiles\k2x9.default-release\sessionstore-backups\recovery.jsonlz4
    + L\Packages\Mozilla.Firefox_n80bbvh6b1yt2\LocalCache\Roaming\Mozilla\Firefox\Profiles\a.default\logins.json
    - L\Mozilla\Firefox\Profiles\k2x9.default-release\cache2\entries\0123
    - L\Mozilla\Firefox\Profiles\k2x9.default-release\startupCache\startupCache.8.little
    - R\Mozilla\Firefox\Crash Reports\events\a
    - R\Mozilla\Firefox\Profiles\k2x9.default-release\parent.lock
Internet Explorer and the first Edge
    + HKCU\Software\Microsoft\Internet Explorer\Main [Start Page]
    + HKCU\Software\Microsoft\Windows\CurrentVersion\Internet Settings [ProxyServer]
    + L\Microsoft\Windows\INetCookies\anna@example.txt
    + L\Microsoft\Windows\History\History.IE5\index.dat
    + L\Microsoft\Windows\WebCache\WebCacheV01.dat
    + L\Microsoft\Internet Explorer\Recovery\Last Active\a.dat
    + L\Packages\Microsoft.MicrosoftEdge_8wekyb3d8bbwe\AC\MicrosoftEdge\User\Default\DataStore\a.edb
    - L\Microsoft\Internet Explorer\imagestore\a\imagestore.dat
    - HKCU\Software\Microsoft\Windows\CurrentVersion\Internet Settings\5.0\Cache\Content [CachePrefix]
"""

MAIL = r"""
Outlook
    + HKCU\Software\Microsoft\Office\16.0\Outlook [DefaultProfile]
    + HKCU\Software\Microsoft\Office\Outlook\Addins\Acme.Connect [LoadBehavior]
    + HKCU\Software\Microsoft\Office\16.0\Outlook\Profiles\Outlook\a [001f6700] = utf-16:C:\Program Files\Mail\named.pst
    + PF\Mail\named.pst
    + HKCU\Software\Microsoft\Office\16.0\Outlook\Profiles\Outlook\b [001f6700] = utf-16:C:\Mail\archive.pst
    & ~\Documents\Outlook Files\anna.pst
    & C:\Mail\archive.pst
    + L\Microsoft\Outlook\anna@contoso.example.ost
    + L\Microsoft\Outlook\RoamCache\Stream_Autocomplete_0_1A2B.dat
    + R\Microsoft\Outlook\Outlook.NK2
    + R\Microsoft\Outlook\Outlook.srs
    + R\Microsoft\Outlook\VbaProject.OTM
    + R\Microsoft\Signatures\Standard.htm
    + R\Microsoft\Signaturen\Standard.htm
    + R\Microsoft\Stationery\mine.htm
    + L\Microsoft\Windows\INetCache\Content.Outlook\ABCD\changed.xlsx
    & L\Some mail program\copied.pst
    - L\Microsoft\Outlook\Offline Address Books\a\udetails.oab
    - L\Microsoft\Outlook\~anna.tmp
    - L\Temp\half.pst
Outlook data files on other drives and in ProgramData
    & D:\Mail\2019\carol old.pst
    & D:\anywhere.ost
    & PD\Mail\shared.pst
    & C:\groups.nst
    - C:\Windows\example.pst
    - PD\Microsoft\Search\example.pst
Outlook (new)
    + L\Microsoft\Olk\UserSettings.json
    + L\Packages\Microsoft.OutlookForWindows_8wekyb3d8bbwe\LocalState\a.db
    - L\Microsoft\Olk\EBWebView\Default\Cache\Cache_Data\f_000001
Thunderbird
    + R\Thunderbird\profiles.ini
    + R\Thunderbird\Profiles\a1b2.default\Mail\Local Folders\Inbox
    + R\Thunderbird\Profiles\a1b2.default\ImapMail\imap.example\INBOX
    + R\Thunderbird\Profiles\a1b2.default\abook.sqlite
    - L\Thunderbird\Profiles\a1b2.default\cache2\entries\0123
    - R\Thunderbird\Crash Reports\events\a
Windows Mail and Windows Live Mail
    + L\Microsoft\Windows Live Mail\Example\Inbox\1.eml
    + L\Microsoft\Windows Mail\Local Folders\Inbox\1.eml
    + HKCU\Software\Microsoft\Windows Live Mail [Store Root]
Outlook Express and the address book
    + HKCU\Identities\{1} [Username]
    + HKCU\Software\Microsoft\Internet Account Manager\Accounts\00000001 [POP3 Server]
    + L\Identities\{1}\Microsoft\Outlook Express\Inbox.dbx
    + R\Microsoft\Address Book\anna.wab
Mail and Calendar app
    + L\Comms\Unistore\data\3\a.dat
    + L\Packages\microsoft.windowscommunicationsapps_8wekyb3d8bbwe\LocalState\a.hxd
HCL Notes and Lotus Notes
    + L\HCL\Notes\Data\names.nsf
    + L\IBM\Notes\Data\user.id
    + L\Lotus\Notes\Data\bookmark.nsf
    - L\HCL\Notes\Data\workspace\logs\trace.xml
    - L\HCL\Notes\Data\cache.ndk
"""

CHAT = r"""
Teams (classic)
    + R\Microsoft\Teams\Backgrounds\Uploads\beach.jpg
    + R\Microsoft\Teams\desktop-config.json
    - R\Microsoft\Teams\Cache\f_000001
    - R\Microsoft\Teams\Service Worker\CacheStorage\1\a
    - R\Microsoft\Teams\logs.log
Teams
    + L\Packages\MSTeams_8wekyb3d8bbwe\LocalCache\Microsoft\MSTeams\Backgrounds\Uploads\beach.jpg
    + L\Packages\MSTeams_8wekyb3d8bbwe\LocalCache\Microsoft\MSTeams\app_settings.json
    - L\Packages\MSTeams_8wekyb3d8bbwe\LocalCache\Microsoft\MSTeams\EBWebView\Default\Cache\Cache_Data\f_1
    - L\Packages\MSTeams_8wekyb3d8bbwe\LocalCache\Microsoft\MSTeams\Logs\a.log
Zoom
    + R\Zoom\data\zoomus.enc.db
    + R\Zoom\data\VirtualBkgnd_Custom\beach.jpg
    - R\Zoom\bin\Zoom.exe
    - R\Zoom\logs\a.log
Slack
    + R\Slack\storage\root-state.json
    - R\Slack\Cache\Cache_Data\f_000001
Signal
    + R\Signal\sql\db.sqlite
    + R\Signal\config.json
    + R\Signal\attachments.noindex\00\a
    - R\Signal\Cache\Cache_Data\f_000001
WhatsApp
    + L\Packages\5319275A.WhatsAppDesktop_cv1g1gvanyjgm\LocalState\messages.db
    - L\WhatsApp\app-2.2326.10\WhatsApp.exe
Telegram
    + R\Telegram Desktop\tdata\key_datas
    - R\Telegram Desktop\tdata\user_data\media_cache\0\a
    - R\Telegram Desktop\Telegram.exe
"""

OFFICE = r"""
Microsoft Office
    + HKCU\Software\Microsoft\Office\16.0\Common\General [UserTemplates]
    + R\Microsoft\Templates\Normal.dotm
    + R\Microsoft\UProof\CUSTOM.DIC
    + R\Microsoft\Office\MSO1031.acl
    + R\Microsoft\Document Building Blocks\1033\16\Building Blocks.dotx
    + L\Microsoft\Office\Word.officeUI
    + L\Microsoft\Office\UnsavedFiles\Letter.asd
    + L\Microsoft\Office\16.0\OfficeFileCache\0\0\FSD-CNRY.FSD
    - L\Microsoft\Office\OTele\excel.db
    - L\Microsoft\Office\16.0\Wef\a
    - HKCU\Software\Microsoft\Office\16.0\Common\ClientTelemetry\a [b]
Word
    + HKCU\Software\Microsoft\Office\16.0\Word\Options [AutosaveInterval]
    + HKCU\Software\Microsoft\Office\Word\Addins\Acme.Connect [LoadBehavior]
    + R\Microsoft\Word\AutoRecovery save of Letter.asd
    + R\Microsoft\Word\STARTUP\mine.dotm
Excel
    + HKCU\Software\Microsoft\Office\11.0\Excel\Options [DefaultPath]
    + R\Microsoft\Excel\XLSTART\PERSONAL.XLSB
    + R\Microsoft\Excel\Excel15.xlb
PowerPoint
    + HKCU\Software\Microsoft\Office\16.0\PowerPoint\Options [a]
    + R\Microsoft\PowerPoint\PPT.pcb
Access
    + HKCU\Software\Microsoft\Office\16.0\Access\Settings [a]
    + R\Microsoft\Access\AccessCache.accdb
Publisher
    + R\Microsoft\Publisher Building Blocks\ContentStore.xml
Visio and Project
    + HKCU\Software\Microsoft\Office\16.0\Visio\Application [StencilPath]
    + R\Microsoft\MS Project\16\1033\Global.MPT
OneNote
    + L\Microsoft\OneNote\16.0\cache\tmp\a.onecache
    + L\Microsoft\OneNote\16.0\Backup\Notebook\Section.one
    + L\Packages\Microsoft.Office.OneNote_8wekyb3d8bbwe\LocalState\AppData\Local\OneNote\a.db
LibreOffice and OpenOffice
    + R\LibreOffice\4\user\registrymodifications.xcu
    + R\OpenOffice\4\user\wordbook\standard.dic
    - R\LibreOffice\4\cache\a
Adobe Acrobat and Reader
    + R\Adobe\Acrobat\DC\Security\addressbook.acrodata
    + LL\Adobe\Acrobat\DC\ReaderMessages
    + HKCU\Software\Adobe\Acrobat Reader\DC\AVGeneral [a]
    - L\Adobe\Acrobat\DC\Cache\AcroFnt23.lst
"""

NOTES = r"""
Sticky Notes
    + R\Microsoft\Sticky Notes\StickyNotes.snt
    + L\Packages\Microsoft.MicrosoftStickyNotes_8wekyb3d8bbwe\LocalState\plum.sqlite
    + L\Packages\Microsoft.MicrosoftStickyNotes_8wekyb3d8bbwe\LocalState\plum.sqlite-wal
    - L\Packages\Microsoft.MicrosoftStickyNotes_8wekyb3d8bbwe\TempState\a
Notepad
    + HKCU\Software\Microsoft\Notepad [fWrap]
    + L\Packages\Microsoft.WindowsNotepad_8wekyb3d8bbwe\LocalState\TabState\1.bin
Notepad++
    + R\Notepad++\backup\new 1@2024-01-01_120000
    + R\Notepad++\config.xml
Evernote
    + R\Evernote\conduit-storage\https%3A%2F%2Fwww.evernote.com\a.sql
    + L\Evernote\Evernote\Databases\anna.exb
    - R\Evernote\logs\a.log
Obsidian
    + R\obsidian\obsidian.json
    - R\obsidian\obsidian-1.5.3.asar
"""

REMOTE = r"""
PuTTY
    + HKCU\Software\SimonTatham\PuTTY\Sessions\web-server [HostName]
    + HKCU\Software\SimonTatham\PuTTY\SshHostKeys [rsa2@22:web.example]
    + L\PUTTY.RND
OpenSSH
    + ~\.ssh\id_ed25519
    + ~\.ssh\config
    + ~\.ssh\known_hosts
    + HKCU\Software\OpenSSH\Agent\Keys\a [b]
OpenSSH server
    + PD\ssh\sshd_config
    + PD\ssh\ssh_host_ed25519_key
    + PD\ssh\administrators_authorized_keys
    - PD\ssh\logs\sshd.log
WinSCP
    + HKCU\Software\Martin Prikryl\WinSCP 2\Sessions\backup@files [HostName]
    + R\WinSCP.ini
FileZilla
    + R\FileZilla\sitemanager.xml
    - R\FileZilla\lockfile
mRemoteNG
    + R\mRemoteNG\confCons.xml
Remote Desktop
    + HKCU\Software\Microsoft\Terminal Server Client\Servers\host [UsernameHint]
    & ~\Documents\Default.rdp
    - L\Microsoft\Terminal Server Client\Cache\bcache24.bmc
TeamViewer and AnyDesk
    + R\AnyDesk\user.conf
    + HKCU\Software\TeamViewer [Username]
    - R\AnyDesk\ad.trace
MobaXterm
    + R\MobaXterm\MobaXterm.ini
    & ~\Documents\MobaXterm\home\.bash_history
OpenVPN
    + ~\OpenVPN\config\office.ovpn
    - ~\OpenVPN\log\office.log
VPN clients of the machine
    + PF\OpenVPN\config\office.ovpn
    + PF\WireGuard\Data\Configurations\office.conf.dpapi
    + PD\Cisco\Cisco Secure Client\VPN\Profile\office.xml
    + HKLM\SOFTWARE\Fortinet\FortiClient\Sslvpn\Tunnels\office [Server]
"""

DEVELOPER = r"""
Visual Studio Code
    + R\Code\User\settings.json
    + R\Code\User\keybindings.json
    + R\Code\User\snippets\python.json
    + R\Code\Backups\workspaces.json
    + R\VSCodium\User\settings.json
    + ~\.vscode\extensions\extensions.json
    + ~\.vscode\extensions\own.extension-0.0.1\package.json
    - R\Code\CachedData\a\index
    - R\Code\Cache\Cache_Data\f_000001
    - R\Code\logs\20240101\main.log
Visual Studio
    + HKCU\Software\Microsoft\VisualStudio\14.0\General [a]
    + L\Microsoft\VisualStudio\17.0_1a2b\Settings\CurrentSettings.vssettings
    - L\Microsoft\VisualStudio\17.0_1a2b\ComponentModelCache\a.cache
Git
    + ~\.gitconfig
    + ~\.git-credentials
    + ~\.config\git\ignore
    + HKCU\Software\TortoiseGit [a]
Package managers
    + ~\.npmrc
    + R\NuGet\NuGet.Config
    + ~\.m2\settings.xml
    + ~\.gradle\gradle.properties
    + ~\.cargo\config.toml
    - ~\.m2\repository\org\a\a.jar
    - ~\.gradle\caches\a
    - ~\.cargo\registry\cache\a.crate
    - ~\.nuget\packages\a\1.0\a.nupkg
JetBrains IDEs
    + R\JetBrains\IntelliJIdea2024.1\options\editor.xml
    + R\JetBrains\IntelliJIdea2024.1\scratches\scratch.java
    + L\JetBrains\IntelliJIdea2024.1\LocalHistory\changes.storageData
    + ~\.IntelliJIdea2019.3\config\options\editor.xml
    + ~\.IntelliJIdea2019.3\system\LocalHistory\changes.storageData
    - L\JetBrains\IntelliJIdea2024.1\caches\names.dat
    - L\JetBrains\IntelliJIdea2024.1\index\stubs\a.storage
    - L\JetBrains\Toolbox\apps\IDEA-U\ch-0\241\bin\idea64.exe
    - ~\.IntelliJIdea2019.3\system\caches\a
Cloud command lines
    + ~\.aws\credentials
    + ~\.azure\azureProfile.json
    + ~\.kube\config
    + R\gcloud\credentials.db
    - ~\.kube\cache\discovery\a
Docker Desktop
    + ~\.docker\config.json
    + R\Docker\settings.json
    + L\Docker\wsl\disk\docker_data.vhdx
    + L\Docker\wsl\data\ext4.vhdx
    - L\Docker\wsl\distro\ext4.vhdx
    - L\Docker\wsl\main\ext4.vhdx
    - L\Docker\log\vm\a.log
Docker of the machine
    + PD\DockerDesktop\vm-data\DockerDesktop.vhdx
    + PD\docker\volumes\database\_data\a.ibd
    - PD\docker\windowsfilter\a\layer.vhdx
Database tools
    + R\DBeaverData\workspace6\General\.dbeaver\data-sources.json
    + R\DBeaverData\workspace6\.metadata\.plugins\org.eclipse.core.resources\.history\1a\script
    + R\MySQL\Workbench\connections.xml
    + HKCU\Software\HeidiSQL\Servers\local [Host]
    - R\DBeaverData\drivers\maven\a.jar
Windows Subsystem for Linux
    + HKCU\Software\Microsoft\Windows\CurrentVersion\Lxss\{1} [BasePath] = D:\WSL\Debian
    + HKCU\Software\Microsoft\Windows\CurrentVersion\Lxss\{2} [BasePath] = C:\Users\anna\AppData\Local\Docker\wsl\main
    & D:\WSL\Debian\ext4.vhdx
    + L\Packages\CanonicalGroupLimited.Ubuntu_79rhkp1fndgsc\LocalState\ext4.vhdx
    + L\Packages\TheDebianProject.DebianGNULinux_76v4gfsz19hv4\LocalState\rootfs\etc\passwd
    + L\wsl\{3}\ext4.vhdx
    + ~\.wslconfig
PowerShell
    + R\Microsoft\Windows\PowerShell\PSReadLine\ConsoleHost_history.txt
    + L\Microsoft\PowerShell\secretmanagement\localstore\storefile
    & ~\Documents\PowerShell\Microsoft.PowerShell_profile.ps1
    - L\Microsoft\Windows\PowerShell\ModuleAnalysisCache
    - L\Microsoft\Windows\PowerShell\CommandAnalysis\PowerShell_AnalysisCacheEntry_a
    - L\Microsoft\PowerShell\7.4.1\StartupProfileData-Interactive
PowerShell of the machine
    + S\WindowsPowerShell\v1.0\profile.ps1
    + PF\PowerShell\7\Microsoft.PowerShell_profile.ps1
Windows Terminal
    + L\Packages\Microsoft.WindowsTerminal_8wekyb3d8bbwe\LocalState\settings.json
    + L\Microsoft\Windows Terminal\settings.json
Databases of the machine
    + PF\Microsoft SQL Server\MSSQL16.SQLEXPRESS\MSSQL\DATA\shop.mdf
    + PF\Microsoft SQL Server\MSSQL16.SQLEXPRESS\MSSQL\DATA\temperatures.mdf
    + PF\Microsoft SQL Server\MSSQL16.SQLEXPRESS\MSSQL\Backup\shop.bak
    + PD\MySQL\MySQL Server 8.0\Data\shop\orders.ibd
    + PF\PostgreSQL\16\data\base\1\1259
    + PF\MariaDB 11.2\data\shop\orders.ibd
    + PF\MongoDB\Server\7.0\data\collection-0.wt
    + PF\Firebird\Firebird_4_0\security4.fdb
    - PF\Microsoft SQL Server\MSSQL16.SQLEXPRESS\MSSQL\DATA\tempdb.mdf
    - PF\Microsoft SQL Server\MSSQL16.SQLEXPRESS\MSSQL\Binn\sqlservr.exe
Virtual machines
    + ~\VirtualBox VMs\Test\Test.vbox
    + ~\VirtualBox VMs\Test\Test.vdi
    + ~\VirtualBox VMs\Test\Snapshots\2024-01-01.sav
    + ~\.VirtualBox\VirtualBox.xml
    + R\VMware\preferences.ini
    - ~\VirtualBox VMs\Test\Logs\VBox.log
Hyper-V
    + PD\Microsoft\Windows\Hyper-V\Virtual Machines\A.vmcx
    + PD\Microsoft\Windows\Hyper-V\Virtual Machines\A.vmrs
"""

MEDIA_AND_CLOUD = r"""
iTunes and Apple devices
    + R\Apple Computer\MobileSync\Backup\a\Manifest.db
    + ~\Apple\MobileSync\Backup\a\Manifest.db
    - R\Apple Computer\iTunes\iPhone Software Updates\a.ipsw
Pairings of Apple devices
    + PD\Apple\Lockdown\a.plist
iCloud
    + ~\iCloudDrive\a.pages
    + ~\iCloudPhotos\Photos\a.heic
Lightroom
    + R\Adobe\Lightroom\Develop Presets\mine.lrtemplate
    + R\Adobe\CameraRaw\Settings\mine.xmp
    - L\Adobe\CameraRaw\Cache\a.dat
Adobe programs
    + R\Adobe\Adobe Photoshop 2024\Presets\Brushes\mine.abr
    + R\Adobe\Adobe Photoshop 2024\AutoRecover\_a.psb
    + HKCU\Software\Adobe\Photoshop\180.0 [SettingsFilePath]
    - R\Adobe\Common\Media Cache Files\a.cfa
Photo programs of Windows and Google
    + L\Microsoft\Windows Photo Gallery\Original Images\a.jpg
    + L\Packages\Microsoft.Windows.Photos_8wekyb3d8bbwe\LocalState\MediaDb.v1.sqlite
    + L\Google\Picasa2Albums\a.pal
Dropbox
    + ~\Dropbox\letter.docx
    + ~\Dropbox (Contoso)\offer.docx
    + L\Dropbox\info.json
    - L\Dropbox\logs\1\a
Google Drive
    + ~\Google Drive\a.docx
    + L\Google\DriveFS\1234\content_cache\d1\d2\1
    - L\Google\DriveFS\Logs\drive_fs.txt
Nextcloud, ownCloud and Synology Drive
    + ~\Nextcloud\a.docx
    + R\Nextcloud\nextcloud.cfg
    + L\SynologyDrive\data\db\sys.sqlite
    - L\SynologyDrive\log\daemon.log
Minecraft
    + R\.minecraft\saves\World\level.dat
    + R\.minecraft\options.txt
    + L\Packages\Microsoft.MinecraftUWP_8wekyb3d8bbwe\LocalState\games\com.mojang\minecraftWorlds\a\level.dat
    - R\.minecraft\assets\objects\00\a
    - R\.minecraft\libraries\a.jar
Saved games of launchers
    + PX\Steam\userdata\1\730\remote\a.sav
    - PX\Steam\steam.exe
"""

SECURITY = r"""
Certificates of the user
    + HKCU\Software\Microsoft\SystemCertificates\Root\Certificates\A1 [Blob]
    + R\Microsoft\SystemCertificates\My\Certificates\A1
    + R\Microsoft\SystemCertificates\Request\Certificates\A1
Keys of the user
    + R\Microsoft\Protect\CREDHIST
    + R\Microsoft\Protect\S-1-5-21-1-2-3-1001\Preferred
    + R\Microsoft\Crypto\RSA\S-1-5-21-1-2-3-1001\a_b
    + R\Microsoft\Crypto\Keys\a_b
    + L\Microsoft\Crypto\PCPKSP\a\b.PCPKEY
Credentials of the user
    + R\Microsoft\Credentials\A1
    + L\Microsoft\Credentials\A1
    + L\Microsoft\Vault\4BF4C442-9B8A-41A0-B380-DD4A704DDB28\Policy.vpol
Encrypting file system
    + HKCU\Software\Microsoft\Windows NT\CurrentVersion\EFS\CurrentKeys [CertificateHash]
Rights management
    + HKCU\Software\Microsoft\MSDRM\Identities [a]
    + L\Microsoft\MSIPC\a.drm
Certificates of the machine
    + HKLM\SOFTWARE\Microsoft\SystemCertificates\MY\Certificates\A1 [Blob]
    + HKLM\SOFTWARE\Microsoft\EnterpriseCertificates\Root\Certificates\A1 [Blob]
Keys of the machine
    + PD\Microsoft\Crypto\RSA\MachineKeys\a_b
    + PD\Microsoft\Crypto\Keys\a_b
    + S\Microsoft\Protect\S-1-5-18\User\Preferred
    + S\config\SYSTEM
    + S\config\SECURITY
    + S\config\SYSTEM.LOG1
    - S\config\SAM
    - S\config\COMPONENTS
Credentials of the machine
    + S\config\systemprofile\AppData\Local\Microsoft\Credentials\A1
    + PD\Microsoft\Vault\AC658CB4-9126-49BD-B877-31EEDAB3F204\Policy.vpol
KeePass
    + R\KeePass\KeePass.config.xml
    + R\KeePass\ProtectedUserKey.bin
    + R\KeePassXC\keepassxc.ini
Bitwarden
    + R\Bitwarden\data.json
    - R\Bitwarden\Cache\Cache_Data\f_000001
1Password
    + L\1Password\data\1password10.sqlite
    - L\1Password\app\8\1Password.exe
Crypto wallets
    + R\Bitcoin\wallets\main\wallet.dat
    + R\Bitcoin\wallet.dat
    + R\Electrum\wallets\default_wallet
    - R\Bitcoin\blocks\blk00000.dat
    - R\Bitcoin\chainstate\000003.ldb
"""

# --- Windows --------------------------------------------------------------------------------------

MACHINE = r"""
Wi-Fi and wired networks
    + PD\Microsoft\Wlansvc\Profiles\Interfaces\{1}\{2}.xml
    + PD\Microsoft\dot3svc\Profiles\Interfaces\{1}\{2}.xml
    + HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\NetworkList\Profiles\{1} [ProfileName]
    + HKLM\SOFTWARE\Microsoft\WZCSVC\Parameters\Interfaces\{1} [Static#0000]
    + HKLM\SOFTWARE\Microsoft\Wlansvc\Interfaces\{1} [ProfileList]
Dial-up and VPN connections of the machine
    + PD\Microsoft\Network\Connections\Pbk\rasphone.pbk
    + S\ras\router.pbk
Network adapters (record)
    + HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters\Interfaces\{1} [IPAddress]
    + HKLM\SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName [ComputerName]
Hosts file
    + S\drivers\etc\hosts
    - S\drivers\ntfs.sys
Print queues (record)
    + HKLM\SYSTEM\CurrentControlSet\Control\Print\Printers\Floor 2 [Port]
    + HKLM\SYSTEM\CurrentControlSet\Control\Print\Monitors\Standard TCP/IP Port\Ports\IP_1 [HostName]
    - HKLM\SYSTEM\CurrentControlSet\Control\Print\Printers\Floor 2\CopyFiles\a [b]
Shared folders (record)
    + HKLM\SYSTEM\CurrentControlSet\Services\LanmanServer\Shares [Films]
Installed programs (record)
    + HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\Acme [DisplayName]
    + HKLM\SOFTWARE\Wow6432Node\Microsoft\Windows\CurrentVersion\Uninstall\Acme [DisplayName]
Time zone
    + HKLM\SYSTEM\CurrentControlSet\Control\TimeZoneInformation [TimeZoneKeyName]
Environment variables of the machine (record)
    + HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Environment [Path]
Command prompt of the machine
    + HKLM\SOFTWARE\Microsoft\Command Processor [AutoRun]
Data sources of the machine (ODBC)
    + HKLM\SOFTWARE\ODBC\ODBC.INI\Shop [Server]
    + HKLM\SOFTWARE\Wow6432Node\ODBC\ODBC.INI\Shop [Server]
    + PF\Common Files\ODBC\Data Sources\shop.dsn
Fonts of the machine
    + W\Fonts\AcmeSans.ttf
    + W\Fonts\AcmeTerminal.fon
    + HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Fonts [Acme Sans (TrueType)]
    - W\Fonts\arial.ttf
    - W\Fonts\segoeui.ttf
    - W\Fonts\vgaoem.fon
Start menu of all users
    + PD\Microsoft\Windows\Start Menu\Programs\Acme.lnk
Offline files
    + W\CSC\v2.0.6\namespace\server\share\letter.docx
Scheduled tasks
    + S\Tasks\Backup of Anna
    + W\Tasks\backup.job
    - S\Tasks\Microsoft\Windows\Defrag\ScheduledDefrag
Group policy of the machine
    + S\GroupPolicy\Machine\Registry.pol
    + S\GroupPolicy\User\Scripts\Logon\drives.cmd
    - S\GroupPolicy\DataStore\0\sysvol\a
Phone and modem of the machine
    + HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Telephony\Locations\Location1 [AreaCode]
Regional settings of the machine (record)
    + HKLM\SYSTEM\CurrentControlSet\Control\Nls\CodePage [ACP]
    + HKLM\SYSTEM\CurrentControlSet\Control\Nls\Language [Default]
Faxes and scans
    + PD\Microsoft\Windows NT\MSFax\Inbox\a.tif
    + PD\Microsoft\Windows NT\MSFax\SentItems\a.tif
Windows Server data
    + S\inetsrv\config\applicationHost.config
    + S\dhcp\dhcp.mdb
    + S\dns\example.dns
"""

USER = r"""
Accessibility
    + HKCU\Control Panel\Accessibility\StickyKeys [Flags]
    + HKCU\Software\Microsoft\Narrator [a]
Mouse, keyboard and pointers
    + HKCU\Control Panel\Mouse [SwapMouseButtons]
    + HKCU\Control Panel\Keyboard [KeyboardDelay]
    + HKCU\Control Panel\Cursors [Arrow]
Desktop, wallpaper and theme
    + HKCU\Control Panel\Desktop [Wallpaper] = C:\Windows\Web\Wallpaper\own picture.jpg
    + W\Web\Wallpaper\own picture.jpg
    + HKCU\Control Panel\Colors [Background]
    + R\Microsoft\Windows\Themes\TranscodedWallpaper
    + L\Microsoft\Windows\Themes\mine.theme
    - W\Web\Wallpaper\of Windows.jpg
    - HKCU\Control Panel\Desktop\PerMonitorSettings\a [DpiValue]
Sounds
    + HKCU\AppEvents\Schemes\Apps\.Default\.Default\.Current []
Regional settings
    + HKCU\Control Panel\International [sShortDate]
    + HKCU\Control Panel\International\Geo [Name]
    + HKCU\Control Panel\International\User Profile [Languages]
Keyboard layouts and input methods
    + HKCU\Keyboard Layout\Preload [1]
    + R\Microsoft\InputMethod\Chs\UDP.tmp
    + L\Microsoft\InputPersonalization\TrainedDataStore\a
Spelling dictionaries
    + R\Microsoft\Spelling\en-GB\default.dic
Console and command prompt
    + HKCU\Console [FaceName]
    + HKCU\Software\Microsoft\Command Processor [Autorun]
File Explorer and folder options
    + HKCU\Software\Microsoft\Windows\CurrentVersion\Explorer\Advanced [Hidden]
    + HKCU\Software\Microsoft\Windows\CurrentVersion\Explorer [ShellState]
    + HKCU\Software\Classes\Local Settings\Software\Microsoft\Windows\Shell\Bags\1\Shell [a]
    + R\Microsoft\Windows\Libraries\Documents.library-ms
File types and default programs
    + HKCU\Software\Microsoft\Windows\CurrentVersion\Explorer\FileExts\.pdf\UserChoice [ProgId]
Quick access and jump lists
    + R\Microsoft\Windows\Recent\AutomaticDestinations\f01b4d95cf55d32a.automaticDestinations-ms
    + R\Microsoft\Windows\Recent\CustomDestinations\a.customDestinations-ms
    + R\Microsoft\Windows\Recent\letter.docx.lnk
Start menu of the user
    + R\Microsoft\Windows\Start Menu\Programs\Startup\mine.lnk
    + L\Packages\Microsoft.Windows.StartMenuExperienceHost_cw5n1h2txyewy\LocalState\start2.bin
    + L\TileDataLayer\Database\vedatamodel.edb
    + HKCU\Software\Microsoft\Windows\CurrentVersion\CloudStore\Store\a [Data]
Taskbar and quick launch
    + HKCU\Software\Microsoft\Windows\CurrentVersion\Explorer\Taskband [Favorites]
    + HKCU\Software\Microsoft\Windows\CurrentVersion\Explorer\StuckRects3 [Settings]
    + R\Microsoft\Internet Explorer\Quick Launch\User Pinned\TaskBar\Acme.lnk
Send To and new file templates
    + R\Microsoft\Windows\SendTo\Archive.lnk
    + R\Microsoft\Windows\Templates\mine.docx
Environment variables of the user
    + HKCU\Environment [Path]
Fonts of the user
    + L\Microsoft\Windows\Fonts\AnnaHand.ttf
    + HKCU\Software\Microsoft\Windows NT\CurrentVersion\Fonts [Anna Hand (TrueType)]
Data sources of the user (ODBC)
    + HKCU\Software\ODBC\ODBC.INI\Shop [Server]
Mapped drives and network places
    + HKCU\Network\Z [RemotePath]
    + HKCU\Software\Microsoft\Windows\CurrentVersion\Explorer\MountPoints2\##files#team [_LabelFromReg]
    + R\Microsoft\Windows\Network Shortcuts\team\target.lnk
    - HKCU\Software\Microsoft\Windows\CurrentVersion\Explorer\MountPoints2\{1} [Data]
Printers of the user
    + HKCU\Printers\Connections\,,print01,Floor2 [Server]
    + HKCU\Software\Microsoft\Windows NT\CurrentVersion\Windows [Device]
    + R\Microsoft\Windows\Printer Shortcuts\Floor2.lnk
Dial-up and VPN connections of the user
    + R\Microsoft\Network\Connections\Pbk\rasphone.pbk
    + HKCU\Software\Microsoft\RAS Phonebook [a]
Wi-Fi accounts of the user
    + HKCU\Software\Microsoft\Wlansvc\UserData\Profiles\{1} [MSMUserData]
Phone and modem
    + HKCU\Software\Microsoft\Windows\CurrentVersion\Telephony\HandoffPriorities [a]
Windows Media Player
    + HKCU\Software\Microsoft\MediaPlayer\Preferences [a]
    + L\Microsoft\Media Player\CurrentDatabase_372.wmdb
    - L\Microsoft\Media Player\Art Cache\LocalMLS\a.jpg
"""

ROWS = rows(
    DOCUMENTS
    + APPLICATIONS
    + BROWSERS
    + MAIL
    + CHAT
    + OFFICE
    + NOTES
    + REMOTE
    + DEVELOPER
    + MEDIA_AND_CLOUD
    + SECURITY
    + MACHINE
    + USER
)
"""All rows, by the name of the component."""
