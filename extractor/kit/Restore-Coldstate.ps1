#requires -Version 5.1
#requires -PSEdition Desktop
<#
.SYNOPSIS
Restores the files, links, registry values and INI values of a Coldstate kit onto this Windows.

.DESCRIPTION
Reads plan.jsonl and users.json beside this script. Every object of the plan ends as restored, kept, skipped or failed,
with a line in the log; the four sums are checked against the plan. Nothing of the kit is run, and no name in it ever
becomes part of a command: names are data, checked, and given to functions of Windows.
A content gets its name only after its SHA-256 was found right. What gives way is moved aside, never deleted.

This script has not been run on Windows by its authors.

.PARAMETER Drive
Where the content of a drive of the old machine goes: @{ 'D:' = 'C:\FromD' }. Without it: the drive of that letter, or
the system drive where this machine has none.

.PARAMETER User
Another account than users.json names: @{ 'DESK\bob' = 'robert' }, or the old SID -> an account.

.PARAMETER CreateLocalUsers
Makes the local users that users.json asks for (/lac), with their profiles; disabled unless it says otherwise (/lae).

.PARAMETER AccountPassword
The password of the users that are made; without it they have none, and Windows lets them log on at the console only.

.PARAMETER CreateProfiles
Makes the profile of a user who has an account here and never logged on.

.PARAMETER AddToGroups
Puts users into the local groups that users.json names.

.PARAMETER SkipRegistry
Files and INI values only.

.PARAMETER SkipSums
Does not check SHA256SUMS, for a users.json that was edited. Contents are checked all the same.

.PARAMETER Log
The log, one JSON object a line; by default in the folder of what was moved aside.

.EXAMPLE
.\Restore-Coldstate.ps1 -WhatIf
#>
[CmdletBinding(SupportsShouldProcess = $true, ConfirmImpact = 'Medium')]
param(
    [hashtable] $Drive = @{},
    [hashtable] $User = @{},
    [switch] $CreateLocalUsers,
    [securestring] $AccountPassword,
    [switch] $CreateProfiles,
    [switch] $AddToGroups,
    [switch] $SkipRegistry,
    [switch] $SkipSums,
    [string] $Log = ''
)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'

# --- functions of Windows that PowerShell 5.1 does not offer (long paths, streams, links, EFS, exact values) ----------

Add-Type -Language CSharp -IgnoreWarnings -TypeDefinition @'
using System;
using System.ComponentModel;
using System.Globalization;
using System.IO;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Win32.SafeHandles;

public sealed class ColdstateTraits
{
    public long Created;
    public long Accessed;
    public long Modified;
    public long Changed;
    public uint Attributes;
    public byte[] Security;
}

public sealed class ColdstateValue
{
    public uint Type;
    public byte[] Data;
}

public static class Coldstate
{
    const uint GENERIC_READ = 0x80000000;
    const uint GENERIC_WRITE = 0x40000000;
    const uint FILE_READ_ATTRIBUTES = 0x80;
    const uint FILE_WRITE_ATTRIBUTES = 0x100;
    const uint READ_CONTROL = 0x20000;
    const uint WRITE_DAC = 0x40000;
    const uint WRITE_OWNER = 0x80000;
    const uint ACCESS_SYSTEM_SECURITY = 0x1000000;
    const uint SHARE_ALL = 7;
    const uint CREATE_NEW = 1;
    const uint CREATE_ALWAYS = 2;
    const uint OPEN_EXISTING = 3;
    const uint BACKUP_SEMANTICS = 0x02000000;
    const uint OPEN_REPARSE_POINT = 0x00200000;
    const uint FSCTL_SET_REPARSE_POINT = 0x000900A4;
    const uint MOUNT_POINT = 0xA0000003;
    const uint SACL_SECURITY_INFORMATION = 8;
    const int KEY_READ = 0x20019;
    const int KEY_WRITE = 0x20006;
    const int KEY_WOW64_64KEY = 0x100;

    [StructLayout(LayoutKind.Sequential)]
    struct BasicInfo
    {
        public long Created;
        public long Accessed;
        public long Modified;
        public long Changed;
        public uint Attributes;
    }

    [StructLayout(LayoutKind.Sequential, Pack = 4)]
    struct TokenPrivilege
    {
        public uint Count;
        public long Luid;
        public uint Attributes;
    }

    delegate uint ImportCallback(IntPtr data, IntPtr context, ref uint length);

    [DllImport("kernel32.dll", CharSet = CharSet.Unicode, SetLastError = true)]
    static extern SafeFileHandle CreateFileW(string name, uint access, uint share, IntPtr security, uint how,
        uint flags, IntPtr template);

    [DllImport("kernel32.dll", CharSet = CharSet.Unicode, SetLastError = true)]
    static extern bool CreateDirectoryW(string name, IntPtr security);

    [DllImport("kernel32.dll", CharSet = CharSet.Unicode, SetLastError = true)]
    static extern bool RemoveDirectoryW(string name);

    [DllImport("kernel32.dll", CharSet = CharSet.Unicode, SetLastError = true)]
    static extern bool DeleteFileW(string name);

    [DllImport("kernel32.dll", CharSet = CharSet.Unicode, SetLastError = true)]
    static extern bool MoveFileExW(string source, string target, uint flags);

    [DllImport("kernel32.dll", CharSet = CharSet.Unicode, SetLastError = true)]
    static extern bool CreateHardLinkW(string name, string existing, IntPtr security);

    [DllImport("kernel32.dll", CharSet = CharSet.Unicode, SetLastError = true)]
    static extern uint GetFileAttributesW(string name);

    [DllImport("kernel32.dll", SetLastError = true)]
    static extern bool SetFileInformationByHandle(SafeFileHandle file, int kind, ref BasicInfo info, uint size);

    [DllImport("kernel32.dll", SetLastError = true)]
    static extern bool GetFileInformationByHandleEx(SafeFileHandle file, int kind, out BasicInfo info, uint size);

    [DllImport("kernel32.dll", SetLastError = true)]
    static extern bool DeviceIoControl(SafeFileHandle file, uint code, byte[] input, uint inputSize, IntPtr output,
        uint outputSize, out uint returned, IntPtr overlapped);

    [DllImport("kernel32.dll")]
    static extern IntPtr GetCurrentProcess();

    [DllImport("kernel32.dll", SetLastError = true)]
    static extern bool CloseHandle(IntPtr handle);

    [DllImport("kernel32.dll", CharSet = CharSet.Unicode, SetLastError = true)]
    static extern bool WritePrivateProfileStringW(string section, string key, string text, string file);

    [DllImport("kernel32.dll", CharSet = CharSet.Unicode, SetLastError = true)]
    static extern uint GetPrivateProfileStringW(string section, string key, string missing, [Out] char[] text,
        uint size, string file);

    [DllImport("advapi32.dll", SetLastError = true)]
    static extern bool SetKernelObjectSecurity(SafeFileHandle handle, uint information, byte[] descriptor);

    [DllImport("advapi32.dll", SetLastError = true)]
    static extern bool GetKernelObjectSecurity(SafeFileHandle handle, uint information, byte[] descriptor, uint size,
        out uint needed);

    [DllImport("advapi32.dll", SetLastError = true)]
    static extern bool OpenProcessToken(IntPtr process, uint access, out IntPtr token);

    [DllImport("advapi32.dll", CharSet = CharSet.Unicode, SetLastError = true)]
    static extern bool LookupPrivilegeValueW(string system, string name, out long luid);

    [DllImport("advapi32.dll", SetLastError = true)]
    static extern bool AdjustTokenPrivileges(IntPtr token, bool none, ref TokenPrivilege wanted, uint size,
        IntPtr before, IntPtr returned);

    [DllImport("advapi32.dll", CharSet = CharSet.Unicode)]
    static extern uint OpenEncryptedFileRawW(string name, uint flags, out IntPtr context);

    [DllImport("advapi32.dll")]
    static extern uint WriteEncryptedFileRaw(ImportCallback callback, IntPtr of, IntPtr context);

    [DllImport("advapi32.dll")]
    static extern void CloseEncryptedFileRaw(IntPtr context);

    [DllImport("advapi32.dll", CharSet = CharSet.Unicode)]
    static extern int RegOpenKeyExW(IntPtr root, string name, uint options, int access, out IntPtr key);

    [DllImport("advapi32.dll", CharSet = CharSet.Unicode)]
    static extern int RegCreateKeyExW(IntPtr root, string name, uint reserved, string kind, uint options, int access,
        IntPtr security, out IntPtr key, out uint disposition);

    [DllImport("advapi32.dll", CharSet = CharSet.Unicode)]
    static extern int RegQueryValueExW(IntPtr key, string name, IntPtr reserved, out uint type, byte[] data,
        ref uint size);

    [DllImport("advapi32.dll", CharSet = CharSet.Unicode)]
    static extern int RegSetValueExW(IntPtr key, string name, uint reserved, uint type, byte[] data, uint size);

    [DllImport("advapi32.dll")]
    static extern int RegCloseKey(IntPtr key);

    [DllImport("userenv.dll", CharSet = CharSet.Unicode)]
    static extern int CreateProfile(string sid, string name, [Out] StringBuilder path, uint size);

    static Exception Last()
    {
        return new Win32Exception(Marshal.GetLastWin32Error());
    }

    static SafeFileHandle Open(string path, uint access, uint how, uint flags)
    {
        SafeFileHandle file = CreateFileW(path, access, SHARE_ALL, IntPtr.Zero, how, flags, IntPtr.Zero);
        if (file.IsInvalid) { throw Last(); }
        return file;
    }

    public static bool EnablePrivilege(string name)
    {
        IntPtr token;
        if (!OpenProcessToken(GetCurrentProcess(), 0x28, out token)) { return false; }
        try
        {
            TokenPrivilege wanted = new TokenPrivilege();
            wanted.Count = 1;
            wanted.Attributes = 2;
            if (!LookupPrivilegeValueW(null, name, out wanted.Luid)) { return false; }
            bool done = AdjustTokenPrivileges(token, false, ref wanted, 0, IntPtr.Zero, IntPtr.Zero);
            return done && Marshal.GetLastWin32Error() == 0;
        }
        finally { CloseHandle(token); }
    }

    // Attributes of what has this name; -1 when nothing has.
    public static long Attributes(string path)
    {
        uint found = GetFileAttributesW(path);
        if (found != 0xFFFFFFFF) { return found; }
        int error = Marshal.GetLastWin32Error();
        if (error == 2 || error == 3) { return -1; }
        throw new Win32Exception(error);
    }

    public static void MakeFolder(string path)
    {
        if (!CreateDirectoryW(path, IntPtr.Zero)) { throw Last(); }
    }

    public static void Move(string source, string target)
    {
        if (!MoveFileExW(source, target, 0)) { throw Last(); }
    }

    public static void DeleteFile(string path)
    {
        if (!DeleteFileW(path)) { throw Last(); }
    }

    public static void HardLink(string name, string existing)
    {
        if (!CreateHardLinkW(name, existing, IntPtr.Zero)) { throw Last(); }
    }

    static string Hex(byte[] data)
    {
        return BitConverter.ToString(data).Replace("-", "").ToLowerInvariant();
    }

    public static byte[] FromHex(string text)
    {
        byte[] data = new byte[text.Length / 2];
        for (int at = 0; at < data.Length; at++)
        {
            data[at] = byte.Parse(text.Substring(2 * at, 2), NumberStyles.AllowHexSpecifier,
                CultureInfo.InvariantCulture);
        }
        return data;
    }

    public static string ToHex(byte[] data)
    {
        return Hex(data);
    }

    public static string HashOf(byte[] data)
    {
        using (SHA256 hash = SHA256.Create()) { return Hex(hash.ComputeHash(data)); }
    }

    public static string HashFile(string path)
    {
        using (SafeFileHandle file = Open(path, GENERIC_READ, OPEN_EXISTING, BACKUP_SEMANTICS))
        using (FileStream stream = new FileStream(file, FileAccess.Read, 1 << 20))
        using (SHA256 hash = SHA256.Create()) { return Hex(hash.ComputeHash(stream)); }
    }

    public static long SizeOf(string path)
    {
        using (SafeFileHandle file = Open(path, GENERIC_READ, OPEN_EXISTING, BACKUP_SEMANTICS))
        using (FileStream stream = new FileStream(file, FileAccess.Read)) { return stream.Length; }
    }

    // Copies one stream and returns the SHA-256 of what was written.
    public static string Copy(string source, string target, bool replace)
    {
        byte[] buffer = new byte[1 << 20];
        using (SafeFileHandle input = Open(source, GENERIC_READ, OPEN_EXISTING, BACKUP_SEMANTICS))
        using (SafeFileHandle output = Open(target, GENERIC_WRITE, replace ? CREATE_ALWAYS : CREATE_NEW, BACKUP_SEMANTICS))
        using (FileStream reader = new FileStream(input, FileAccess.Read))
        using (FileStream writer = new FileStream(output, FileAccess.Write))
        using (SHA256 hash = SHA256.Create())
        {
            int count;
            while ((count = reader.Read(buffer, 0, buffer.Length)) > 0)
            {
                writer.Write(buffer, 0, count);
                hash.TransformBlock(buffer, 0, count, null, 0);
            }
            hash.TransformFinalBlock(buffer, 0, 0);
            writer.Flush();
            return Hex(hash.Hash);
        }
    }

    public static void ImportEncrypted(string source, string target)
    {
        IntPtr context;
        uint error = OpenEncryptedFileRawW(target, 1, out context);
        if (error != 0) { throw new Win32Exception((int)error); }
        try
        {
            using (SafeFileHandle file = Open(source, GENERIC_READ, OPEN_EXISTING, BACKUP_SEMANTICS))
            using (FileStream reader = new FileStream(file, FileAccess.Read))
            {
                ImportCallback callback = delegate(IntPtr data, IntPtr of, ref uint length)
                {
                    byte[] buffer = new byte[length];
                    int count = 0;
                    while (count < buffer.Length)
                    {
                        int more = reader.Read(buffer, count, buffer.Length - count);
                        if (more == 0) { break; }
                        count += more;
                    }
                    Marshal.Copy(buffer, 0, data, count);
                    length = (uint)count;
                    return 0;
                };
                error = WriteEncryptedFileRaw(callback, IntPtr.Zero, context);
                GC.KeepAlive(callback);
            }
        }
        finally { CloseEncryptedFileRaw(context); }
        if (error != 0) { throw new Win32Exception((int)error); }
    }

    // Makes a junction or symbolic link with the given reparse data.
    public static void MakeLink(string path, bool directory, uint tag, byte[] data)
    {
        if (directory) { MakeFolder(path); }
        else { Open(path, GENERIC_WRITE, CREATE_NEW, BACKUP_SEMANTICS).Dispose(); }
        byte[] whole = new byte[8 + data.Length];
        BitConverter.GetBytes(tag).CopyTo(whole, 0);
        BitConverter.GetBytes((ushort)data.Length).CopyTo(whole, 4);
        data.CopyTo(whole, 8);
        try
        {
            using (SafeFileHandle file = Open(path, GENERIC_WRITE, OPEN_EXISTING, BACKUP_SEMANTICS | OPEN_REPARSE_POINT))
            {
                uint returned;
                if (!DeviceIoControl(file, FSCTL_SET_REPARSE_POINT, whole, (uint)whole.Length, IntPtr.Zero, 0,
                    out returned, IntPtr.Zero)) { throw Last(); }
            }
        }
        catch
        {
            if (directory) { RemoveDirectoryW(path); } else { DeleteFileW(path); }
            throw;
        }
    }

    // Reparse data of a junction or of an absolute symbolic link ([MS-FSCC] 2.1.2.4, 2.1.2.5).
    public static byte[] LinkData(uint tag, string target)
    {
        bool mount = tag == MOUNT_POINT;
        byte[] substitute = Encoding.Unicode.GetBytes("\\??\\" + target);
        byte[] shown = Encoding.Unicode.GetBytes(target);
        int end = mount ? 2 : 0;
        MemoryStream whole = new MemoryStream();
        BinaryWriter writer = new BinaryWriter(whole);
        writer.Write((ushort)0);
        writer.Write((ushort)substitute.Length);
        writer.Write((ushort)(substitute.Length + end));
        writer.Write((ushort)shown.Length);
        if (!mount) { writer.Write((uint)0); }
        writer.Write(substitute);
        writer.Write(new byte[end]);
        writer.Write(shown);
        writer.Write(new byte[end]);
        writer.Flush();
        return whole.ToArray();
    }

    // Sets access list, times (0: left) and attributes (0: left) of a file, folder or link itself.
    public static void Dress(string path, byte[] security, uint information, long created, long accessed,
        long modified, long changed, uint attributes)
    {
        uint access = FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES;
        if (security != null)
        {
            access |= READ_CONTROL | WRITE_DAC | WRITE_OWNER;
            if ((information & SACL_SECURITY_INFORMATION) != 0) { access |= ACCESS_SYSTEM_SECURITY; }
        }
        using (SafeFileHandle file = Open(path, access, OPEN_EXISTING, BACKUP_SEMANTICS | OPEN_REPARSE_POINT))
        {
            if (security != null && !SetKernelObjectSecurity(file, information, security)) { throw Last(); }
            BasicInfo info = new BasicInfo();
            info.Created = created;
            info.Accessed = accessed;
            info.Modified = modified;
            info.Changed = changed;
            info.Attributes = attributes;
            if (!SetFileInformationByHandle(file, 0, ref info, (uint)Marshal.SizeOf(typeof(BasicInfo)))) { throw Last(); }
        }
    }

    public static ColdstateTraits Traits(string path)
    {
        using (SafeFileHandle file = Open(path, FILE_READ_ATTRIBUTES | READ_CONTROL, OPEN_EXISTING,
            BACKUP_SEMANTICS | OPEN_REPARSE_POINT))
        {
            BasicInfo info;
            if (!GetFileInformationByHandleEx(file, 0, out info, (uint)Marshal.SizeOf(typeof(BasicInfo)))) { throw Last(); }
            uint needed;
            GetKernelObjectSecurity(file, 7, null, 0, out needed);
            byte[] descriptor = new byte[needed];
            if (!GetKernelObjectSecurity(file, 7, descriptor, needed, out needed)) { throw Last(); }
            ColdstateTraits found = new ColdstateTraits();
            found.Created = info.Created;
            found.Accessed = info.Accessed;
            found.Modified = info.Modified;
            found.Changed = info.Changed;
            found.Attributes = info.Attributes;
            found.Security = descriptor;
            return found;
        }
    }

    static IntPtr Root(string name)
    {
        return new IntPtr(unchecked((int)(name == "HKLM" ? 0x80000002u : 0x80000003u)));
    }

    public static bool KeyExists(string root, string name)
    {
        IntPtr key;
        if (RegOpenKeyExW(Root(root), name, 0, KEY_READ | KEY_WOW64_64KEY, out key) != 0) { return false; }
        RegCloseKey(key);
        return true;
    }

    public static void MakeKey(string root, string name)
    {
        IntPtr key;
        uint disposition;
        int error = RegCreateKeyExW(Root(root), name, 0, null, 0, KEY_WRITE | KEY_WOW64_64KEY, IntPtr.Zero, out key,
            out disposition);
        if (error != 0) { throw new Win32Exception(error); }
        RegCloseKey(key);
    }

    // A value with its exact bytes; null when there is none.
    public static ColdstateValue ReadValue(string root, string name, string value)
    {
        IntPtr key;
        if (RegOpenKeyExW(Root(root), name, 0, KEY_READ | KEY_WOW64_64KEY, out key) != 0) { return null; }
        try
        {
            uint type;
            uint size = 0;
            if (RegQueryValueExW(key, value, IntPtr.Zero, out type, null, ref size) != 0) { return null; }
            byte[] data = new byte[size];
            int error = RegQueryValueExW(key, value, IntPtr.Zero, out type, data, ref size);
            if (error != 0) { throw new Win32Exception(error); }
            Array.Resize(ref data, (int)size);
            ColdstateValue found = new ColdstateValue();
            found.Type = type;
            found.Data = data;
            return found;
        }
        finally { RegCloseKey(key); }
    }

    // Windows ends a text that has no NUL at its end where one happens to lie behind it, so something else does.
    public static void WriteValue(string root, string name, string value, uint type, byte[] data)
    {
        byte[] guarded = new byte[data.Length + 2];
        data.CopyTo(guarded, 0);
        guarded[data.Length] = 0xFF;
        guarded[data.Length + 1] = 0xFF;
        IntPtr key;
        uint disposition;
        int error = RegCreateKeyExW(Root(root), name, 0, null, 0, KEY_WRITE | KEY_WOW64_64KEY, IntPtr.Zero, out key,
            out disposition);
        if (error != 0) { throw new Win32Exception(error); }
        try
        {
            error = RegSetValueExW(key, value, 0, type, guarded, (uint)data.Length);
            if (error != 0) { throw new Win32Exception(error); }
        }
        finally { RegCloseKey(key); }
    }

    // The text of an INI value; null when there is none.
    public static string ReadIni(string file, string section, string key)
    {
        char[] text = new char[32768];
        string missing = "\u0001";
        uint count = GetPrivateProfileStringW(section, key, missing, text, (uint)text.Length, file);
        string found = new string(text, 0, (int)count);
        return found == missing ? null : found;
    }

    public static void WriteIni(string file, string section, string key, string text)
    {
        if (!WritePrivateProfileStringW(section, key, text, file)) { throw Last(); }
    }

    public static string MakeProfile(string sid, string name)
    {
        StringBuilder path = new StringBuilder(32768);
        int result = CreateProfile(sid, name, path, (uint)path.Capacity);
        if (result != 0) { Marshal.ThrowExceptionForHR(result); }
        return path.ToString();
    }
}
'@

# --- what is fixed ----------------------------------------------------------------------------------------------------

$Settable = 0x3127                  # read-only, hidden, system, archive, temporary, offline, not indexed
$IsFolder = 0x10
$IsReparsePoint = 0x400
$Private = 'D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)'
$NotWanted = 'not wanted now (-WhatIf, -Confirm)'
$UsualPattern = '<F>(<N>).<E>'
$MostNames = 100000
$NumberTypes = @(4, 5, 11)
$TextTypes = @(1, 2)
$ProfileList = 'HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList'
$Stamp = [DateTime]::Now.ToString('yyyyMMdd-HHmmss', [Globalization.CultureInfo]::InvariantCulture)

# --- what changes while it runs ---------------------------------------------------------------------------------------

$People = @{}                       # old SID -> who that is here
$Bases = @{}                        # base of the plan -> folder here
$SidOf = @{}                        # old SID -> SID here
$Descriptors = @{}                  # SDDL -> bytes and what of them is set
$AsideOf = @{}                      # root of a drive -> folder for what gives way
$Written = New-Object 'System.Collections.Generic.HashSet[string]' ([StringComparer]::OrdinalIgnoreCase)
$FirstNames = @{}                   # row -> path of a file that may get more names
$Folders = New-Object System.Collections.ArrayList
$RegFiles = New-Object 'System.Collections.Generic.SortedDictionary[string,string]' ([StringComparer]::Ordinal)
$Hives = @{}                        # base -> roots of that user's registry
$Loaded = New-Object System.Collections.ArrayList
$Totals = @{ restored = 0; kept = 0; skipped = 0; failed = 0 }
$NotWhole = 0
$LogWriter = $null
$BeforeWriter = $null
$Kit = ''                           # the folder of this script
$PlanFile = ''
$Staging = ''
$PlanSystem = 'C:'

# --- saying things ----------------------------------------------------------------------------------------------------

function Stop-Restore([string] $Sentence) {
    throw (New-Object System.InvalidOperationException $Sentence)
}

function Get-Reason($ErrorRecord) {
    return $ErrorRecord.Exception.GetBaseException().Message
}

function Join-Reasons([string] $One, [string] $Other) {
    return @(@($One, $Other) | Where-Object { $_ }) -join '; '
}

function Write-Outcome($Row, [string] $Outcome, [string] $Target, [string] $Reason) {
    $Totals[$Outcome] = $Totals[$Outcome] + 1
    if ($Outcome -eq 'restored' -and $Reason) { $script:NotWhole = $script:NotWhole + 1 }
    if ($null -ne $LogWriter) {
        $line = [ordered]@{ id = $Row.id; kind = $Row.kind; source = $Row.source; target = $Target; outcome = $Outcome; reason = $Reason }
        $LogWriter.WriteLine((ConvertTo-Json -InputObject $line -Compress))
    }
    if ($Outcome -eq 'failed') { Write-Warning ('{0}: {1}' -f $Row.source, $Reason) }
}

# --- names: data that is checked, never part of a command -------------------------------------------------------------

function Confirm-Name([string] $Name) {
    if ($Name -eq '' -or $Name.Length -gt 255 -or $Name -match '[\x00-\x1f"*/:<>?\\|]|[. ]\z') {
        Stop-Restore 'a name of the plan is none that a file may have'
    }
}

function Confirm-StreamName([string] $Name) {
    if ($Name -eq '' -or $Name.Length -gt 255 -or $Name -match '[\x00/:\\]') {
        Stop-Restore 'a name of the plan is none that a stream may have'
    }
}

function Confirm-KeyName([string] $Name) {
    if ($Name -eq '' -or $Name -match '[\x00\\]') { Stop-Restore 'a name of the plan is none that a key may have' }
}

function Join-Names([string] $Folder, $Names) {
    $path = $Folder
    foreach ($name in @($Names)) {
        Confirm-Name $name
        $path = $path.TrimEnd('\') + '\' + $name
    }
    return $path
}

# Makes what is missing of the folders above a place; refuses to go through a link or a file.
function Confirm-Way([string] $Folder, $Names) {
    $path = $Folder
    $all = @($Names)
    for ($depth = 0; $depth -lt $all.Count - 1; $depth++) {
        Confirm-Name $all[$depth]
        $path = $path.TrimEnd('\') + '\' + $all[$depth]
        $found = [Coldstate]::Attributes($path)
        if ($found -eq -1) { [Coldstate]::MakeFolder($path) }
        elseif ($found -band $IsReparsePoint) { Stop-Restore "$path leads elsewhere: nothing is written through it" }
        elseif (-not ($found -band $IsFolder)) { Stop-Restore "$path is no folder" }
    }
    return $path
}

# --- where things go --------------------------------------------------------------------------------------------------

function Get-ExtendedPath([string] $Path) {
    $full = [System.IO.Path]::GetFullPath($Path)
    if ($full.StartsWith('\\')) { return '\\?\UNC\' + $full.Substring(2) }
    return '\\?\' + $full
}

# A path as texts name it.
function Get-PlainPath([string] $Path) {
    if ($Path.StartsWith('\\?\UNC\')) { return '\\' + $Path.Substring(8) }
    if ($Path.StartsWith('\\?\')) { return $Path.Substring(4) }
    return $Path
}

function Get-DriveRoot([string] $Letter) {
    foreach ($key in $Drive.Keys) {
        if (([string] $key).TrimEnd('\').TrimEnd(':') -eq $Letter) {
            $folder = Get-ExtendedPath ([string] $Drive[$key])
            if ([Coldstate]::Attributes($folder) -eq -1) { Stop-Restore "-Drive: $folder is not there; make it first" }
            return $folder
        }
    }
    $here = New-Object System.IO.DriveInfo $Letter
    if ($Letter -ne $PlanSystem.Substring(0, 1) -and $here.DriveType -eq [System.IO.DriveType]::Fixed -and $here.IsReady) {
        return '\\?\' + $Letter + ':\'
    }
    return '\\?\' + $env:SystemDrive + '\'
}

function Resolve-Base([string] $Base) {
    if ($Bases.ContainsKey($Base)) { return $Bases[$Base] }
    $kind, $rest = $Base -split ':', 2
    $folder = ''
    if ($kind -eq 'system') { $folder = Get-DriveRoot $PlanSystem.Substring(0, 1) }
    elseif ($kind -eq 'drive' -and $rest -match '^[A-Z]\z') { $folder = Get-DriveRoot $rest }
    elseif ($kind -eq 'profile') {
        if (-not $People.ContainsKey($rest)) { Stop-Restore 'its user is not in users.json' }
        $person = $People[$rest]
        if ($person.Why) { Stop-Restore $person.Why }
        $folder = Get-ExtendedPath $person.Profile
    }
    else { Stop-Restore 'the plan names a place that this script does not know' }
    $Bases[$Base] = $folder
    return $folder
}

# --- users ------------------------------------------------------------------------------------------------------------

function Find-Sid([string] $Account) {
    try {
        $name = New-Object System.Security.Principal.NTAccount $Account
        return $name.Translate([System.Security.Principal.SecurityIdentifier]).Value
    }
    catch { return '' }
}

function Get-AccountName($Row) {
    foreach ($key in $User.Keys) {
        if ($key -eq $Row.sid -or $key -eq $Row.was) { return [string] $User[$key] }
    }
    if ($Row.local) { return $env:COMPUTERNAME + '\' + $Row.name }
    if ($Row.domain) { return $Row.domain + '\' + $Row.name }
    return $Row.name
}

function Get-ProfileFolder([string] $Sid) {
    if (-not $Sid) { return '' }
    return [string] [Microsoft.Win32.Registry]::GetValue($ProfileList + '\' + $Sid, 'ProfileImagePath', '')
}

function New-Person($Row) {
    if (-not $PSCmdlet.ShouldProcess($Row.name, 'make a local user')) { return }
    $words = @{ Name = $Row.name; Disabled = (-not $Row.enable); Description = 'made by a Coldstate restore kit' }
    if ($null -ne $AccountPassword) { $words['Password'] = $AccountPassword } else { $words['NoPassword'] = $true }
    [void] (New-LocalUser @words)
}

function Resolve-Person($Row) {
    $account = Get-AccountName $Row
    $person = @{ Account = $account; Sid = ''; Profile = ''; Why = ''; Row = $Row }
    if ($Row.told_sid -and -not $User.ContainsKey($Row.sid) -and -not $User.ContainsKey($Row.was)) {
        $person.Sid = $Row.told_sid
    }
    else { $person.Sid = Find-Sid $account }
    if (-not $person.Sid -and $CreateLocalUsers -and $Row.create) {
        New-Person $Row
        $person.Sid = Find-Sid $account
    }
    $may = $CreateProfiles -or ($CreateLocalUsers -and $Row.create)
    if ($WhatIfPreference -and $may -and -not (Get-ProfileFolder $person.Sid)) {
        $person.Profile = [System.IO.Path]::GetDirectoryName($env:PUBLIC) + '\' + $Row.name
        return $person
    }
    if (-not $person.Sid) {
        $person.Why = "$account has no account on this machine: make one, or name another with -User"
        return $person
    }
    $person.Profile = Get-ProfileFolder $person.Sid
    if (-not $person.Profile -and $Row.told_profile -and [Coldstate]::Attributes((Get-ExtendedPath $Row.told_profile)) -ne -1) {
        $person.Profile = $Row.told_profile
    }
    if (-not $person.Profile -and $may -and $PSCmdlet.ShouldProcess($account, 'make a profile')) {
        $person.Profile = [Coldstate]::MakeProfile($person.Sid, $Row.name)
    }
    if (-not $person.Profile) { $person.Why = "$account has no profile on this machine: log on once with it" }
    return $person
}

function Add-Groups($Person) {
    foreach ($group in @($Person.Row.groups)) {
        if (-not $AddToGroups -or -not $Person.Sid) { continue }
        if (-not $PSCmdlet.ShouldProcess($Person.Account, "add to the local group $group")) { continue }
        try { Add-LocalGroupMember -Name ([string] $group) -Member $Person.Sid }
        catch { Write-Warning ('{0} in {1}: {2}' -f $Person.Account, $group, (Get-Reason $_)) }
    }
}

# --- access lists -----------------------------------------------------------------------------------------------------

# SDDL with the SIDs of the old machine -> bytes with those of this one, and which parts are set.
function Get-Security([string] $Sddl) {
    if ($Descriptors.ContainsKey($Sddl)) { return $Descriptors[$Sddl] }
    if ($Sddl.Contains('#')) { Stop-Restore 'its access list holds a condition, which is not set' }
    $mapped = [regex]::Replace($Sddl, 'S-1-[0-9]+(-[0-9]+)+', [System.Text.RegularExpressions.MatchEvaluator] {
            param($found)
            if ($SidOf.ContainsKey($found.Value)) { $SidOf[$found.Value] } else { $found.Value }
        })
    $raw = New-Object System.Security.AccessControl.RawSecurityDescriptor $mapped
    $flags = $raw.ControlFlags
    $information = [uint32] 0
    if ($null -ne $raw.Owner) { $information = $information -bor 1 }
    if ($null -ne $raw.Group) { $information = $information -bor 2 }
    if ($flags -band [System.Security.AccessControl.ControlFlags]::DiscretionaryAclPresent) {
        $information = $information -bor 4
        if ($flags -band [System.Security.AccessControl.ControlFlags]::DiscretionaryAclProtected) { $information = $information -bor 2147483648 }
        else { $information = $information -bor 0x20000000 }
        if ($flags -band [System.Security.AccessControl.ControlFlags]::DiscretionaryAclAutoInherited) {
            $flags = $flags -bor [System.Security.AccessControl.ControlFlags]::DiscretionaryAclAutoInheritRequired
        }
    }
    if ($flags -band [System.Security.AccessControl.ControlFlags]::SystemAclPresent) { $information = $information -bor 8 }
    $raw.SetFlags($flags)
    $bytes = New-Object byte[] $raw.BinaryLength
    $raw.GetBinaryForm($bytes, 0)
    $found = @{ Bytes = $bytes; Information = [uint32] $information }
    if ($Descriptors.Count -gt 5000) { $Descriptors.Clear() }
    $Descriptors[$Sddl] = $found
    return $found
}

# Sets access list, times and attributes; returns what could not be kept: the object itself is there.
function Set-Dress([string] $Path, $Row, $Kept) {
    try { return Set-DressOnce $Path $Row $Kept }
    catch { return 'times, attributes: ' + (Get-Reason $_) }
}

function Set-DressOnce([string] $Path, $Row, $Kept) {
    $lost = ''
    $bytes = $null
    $information = [uint32] 0
    $times = @($Row.times)
    $attributes = [uint32] ([long] $Row.attributes -band $Settable)
    if ($Row.sddl) {
        try {
            $security = Get-Security $Row.sddl
            $bytes = $security.Bytes
            $information = $security.Information
        }
        catch { $lost = 'access list: ' + (Get-Reason $_) }
    }
    if ($null -ne $Kept) {
        if ($Row.keep.security) { $bytes = $Kept.Security; $information = [uint32] 7 }
        if ($Row.keep.times) { $times = @($Kept.Created, $Kept.Modified, $Kept.Changed, $Kept.Accessed) }
        $mine = [long] $Row.keep.attributes -band $Settable
        $attributes = [uint32] (($attributes -band (-bnot $mine)) -bor ($Kept.Attributes -band $mine))
    }
    if ($attributes -eq 0 -and $Row.kind -ne 'folder' -and $Row.kind -ne 'link') { $attributes = [uint32] 0x80 }
    if ($null -eq $bytes) {
        [Coldstate]::Dress($Path, $null, 0, $times[0], $times[3], $times[1], $times[2], $attributes)
        return $lost
    }
    try { [Coldstate]::Dress($Path, $bytes, $information, $times[0], $times[3], $times[1], $times[2], $attributes) }
    catch {
        $lost = 'access list: ' + (Get-Reason $_)
        [Coldstate]::Dress($Path, $null, 0, $times[0], $times[3], $times[1], $times[2], $attributes)
    }
    return $lost
}

# --- what gives way ---------------------------------------------------------------------------------------------------

function New-PrivateFolder([string] $Path) {
    [Coldstate]::MakeFolder($Path)
    $security = Get-Security $Private
    [Coldstate]::Dress($Path, $security.Bytes, $security.Information, 0, 0, 0, 0, 0)
}

# The folder of this run on the drive of a path; made when it is first needed.
function Get-Aside([string] $Path) {
    $root = '\\?\' + $env:SystemDrive + '\'
    if ($Path -match '^\\\\\?\\[A-Za-z]:\\') { $root = $Path.Substring(0, 7) }
    if ($AsideOf.ContainsKey($root)) { return $AsideOf[$root] }
    $top = $root + '.coldstate-restore'
    $found = [Coldstate]::Attributes($top)
    if ($found -eq -1) { New-PrivateFolder $top }
    elseif (($found -band $IsReparsePoint) -or -not ($found -band $IsFolder)) { Stop-Restore "$top is no plain folder" }
    $folder = $top + '\kit-' + $Stamp
    New-PrivateFolder $folder
    $AsideOf[$root] = $folder
    return $folder
}

function Move-Aside([string] $Path, $Row) {
    $aside = (Get-Aside $Path) + '\' + ([long] $Row.id) + '.aside'
    [Coldstate]::Move($Path, $aside)
    return $aside
}

# --- conflicts --------------------------------------------------------------------------------------------------------

function Get-PatternName([string] $Pattern, [string] $Name, [int] $Number) {
    $at = $Name.LastIndexOf('.')
    $stem = $Name
    $extension = ''
    if ($at -gt 0) {
        $stem = $Name.Substring(0, $at)
        $extension = $Name.Substring($at + 1)
    }
    $found = [regex]::Replace($Pattern, '<[FNE]>', [System.Text.RegularExpressions.MatchEvaluator] {
            param($word)
            switch ($word.Value.ToUpperInvariant()) {
                '<F>' { $stem }
                '<N>' { [string] $Number }
                '<E>' { $extension }
            }
        }, [System.Text.RegularExpressions.RegexOptions]::IgnoreCase)
    if (-not $extension) { $found = $found.TrimEnd('.') }
    return $found
}

function Test-SameContent([string] $Path, $Row) {
    if ($Row.kind -eq 'efs') { return $false }
    $found = [Coldstate]::Attributes($Path)
    if ($found -eq -1 -or ($found -band ($IsFolder -bor $IsReparsePoint))) { return $false }
    if ([Coldstate]::SizeOf($Path) -ne [long] $Row.size) { return $false }
    return [Coldstate]::HashFile($Path) -eq $Row.sha256
}

function Get-VersionNumbers([string] $Path, [string] $Tag) {
    try { $about = [System.Diagnostics.FileVersionInfo]::GetVersionInfo($Path.Replace('\\?\', '')) }
    catch { return @() }
    $text = ''
    if ($Tag -eq 'FileVersion') { $text = $about.FileVersion }
    elseif ($Tag -eq 'ProductVersion') { $text = $about.ProductVersion }
    if (-not ($text -match '^\s*([0-9]{1,9}(\s*[.,]\s*[0-9]{1,9})*)')) { return @() }
    return @([regex]::Matches($Matches[1], '[0-9]+') | ForEach-Object { [int] $_.Value })
}

# One that has no version is older than any that has; of two equal ones that of this machine stays.
function Test-Newer([string] $Ours, [string] $Theirs, [string] $Tag) {
    $mine = @(Get-VersionNumbers $Ours $Tag)
    $there = @(Get-VersionNumbers $Theirs $Tag)
    if ($mine.Count -eq 0) { return $false }
    if ($there.Count -eq 0) { return $true }
    $most = [Math]::Max($mine.Count, $there.Count)
    for ($at = 0; $at -lt $most; $at++) {
        $one = 0
        $other = 0
        if ($at -lt $mine.Count) { $one = $mine[$at] }
        if ($at -lt $there.Count) { $other = $there[$at] }
        if ($one -ne $other) { return $one -gt $other }
    }
    return $false
}

function Find-FreeName([string] $Folder, [string] $Name, [string] $Pattern, $Row) {
    for ($number = 1; $number -lt $MostNames; $number++) {
        $wanted = Get-PatternName $Pattern $Name $number
        Confirm-Name $wanted
        $path = $Folder.TrimEnd('\') + '\' + $wanted
        if (-not $Written.Contains($path)) {
            if ([Coldstate]::Attributes($path) -eq -1) { return @{ Act = 'make'; Path = $path; Why = 'its name is taken' } }
            if (Test-SameContent $path $Row) { return @{ Act = 'keep'; Path = $path; Why = 'the same content is there already' } }
        }
    }
    Stop-Restore 'all names that could be tried are taken'
}

# Says what becomes of a file: make, replace (what is there is moved aside), keep.
function Resolve-Conflict([string] $Path, [string] $Folder, [string] $Name, $Row, [string] $Content) {
    $found = [Coldstate]::Attributes($Path)
    if ($found -eq -1) { return @{ Act = 'make'; Path = $Path; Why = '' } }
    if ($Written.Contains($Path) -or ($found -band ($IsFolder -bor $IsReparsePoint))) {
        return Find-FreeName $Folder $Name $UsualPattern $Row
    }
    if (Test-SameContent $Path $Row) { return @{ Act = 'keep'; Path = $Path; Why = 'the same content is there already' } }
    $rule = [string] $Row.conflict.rule
    if ($rule -eq 'SourcePriority') { return @{ Act = 'replace'; Path = $Path; Why = $rule } }
    if ($rule -eq 'DestinationPriority') { return @{ Act = 'keep'; Path = $Path; Why = $rule } }
    if ($rule -eq 'NewestVersion') {
        $act = 'keep'
        if (Test-Newer $Content $Path $Row.conflict.tag) { $act = 'replace' }
        return @{ Act = $act; Path = $Path; Why = $rule }
    }
    return Find-FreeName $Folder $Name $Row.conflict.pattern $Row
}

# --- contents ---------------------------------------------------------------------------------------------------------

function Get-ContentPath($Content) {
    $path = $Kit.TrimEnd('\') + '\contents'
    if ($Content.part -eq 'wim') {
        if (-not $Staging) { Stop-Restore 'the WIM of the kit was not expanded' }
        $path = $Staging
    }
    elseif ($Content.part -ne 'contents') { Stop-Restore 'the plan names a place of contents that this script does not know' }
    $path = Join-Names $path $Content.names
    if ($Content.stream) {
        Confirm-StreamName $Content.stream
        $path = $path + ':' + $Content.stream
    }
    return $path
}

function Copy-Checked($Content, [string] $Sha256, [string] $Target, [bool] $Replace) {
    $digest = [Coldstate]::Copy((Get-ContentPath $Content), $Target, $Replace)
    if ($digest -ne $Sha256) { Stop-Restore 'its bytes in the kit are not those that were stored' }
}

function Expand-Contents {
    $wim = $PSScriptRoot + '\store.wim'
    $folder = (Get-Aside '') + '\staging'
    New-PrivateFolder $folder
    Write-Host 'Expanding store.wim ...'
    [void] (Expand-WindowsImage -ImagePath $wim -Index 1 -ApplyPath $folder.Replace('\\?\', ''))
    $script:Staging = $folder
}

# --- files, folders, links --------------------------------------------------------------------------------------------

function Restore-Folder($Row) {
    $root = Resolve-Base $Row.base
    $path = Join-Names $root $Row.names
    if (-not $PSCmdlet.ShouldProcess($path, 'make folder')) { Write-Outcome $Row 'skipped' $path $NotWanted; return }
    [void] (Confirm-Way $root $Row.names)
    $found = [Coldstate]::Attributes($path)
    if ($found -eq -1) {
        [Coldstate]::MakeFolder($path)
        foreach ($stream in @($Row.streams)) {
            Confirm-StreamName $stream.name
            Copy-Checked $stream.content $stream.sha256 ($path + ':' + $stream.name) $true
        }
        [void] $Folders.Add(@{ Path = $path; Row = $Row })
    }
    elseif (($found -band $IsReparsePoint) -or -not ($found -band $IsFolder)) { Stop-Restore 'a file or link has the name of this folder' }
    else { Write-Outcome $Row 'kept' $path 'the folder is there already' }
}

# Folders get times and access lists when nothing is written into them any more, the deepest first.
function Complete-Folders {
    for ($at = $Folders.Count - 1; $at -ge 0; $at--) {
        $each = $Folders[$at]
        Write-Outcome $each.Row 'restored' $each.Path (Set-Dress $each.Path $each.Row $null)
    }
}

function Write-Content([string] $Temporary, $Row) {
    if ($Row.kind -eq 'efs') {
        $source = Get-ContentPath $Row.content
        if ([Coldstate]::HashFile($source) -ne $Row.sha256) { Stop-Restore 'its bytes in the kit are not those that were stored' }
        [Coldstate]::ImportEncrypted($source, $Temporary)
        return
    }
    if ($Row.kind -eq 'hardlink' -and $FirstNames.ContainsKey([long] $Row.first)) {
        [Coldstate]::HardLink($Temporary, $FirstNames[[long] $Row.first])
        return
    }
    Copy-Checked $Row.content $Row.sha256 $Temporary $false
    foreach ($stream in @($Row.streams)) {
        Confirm-StreamName $stream.name
        Copy-Checked $stream.content $stream.sha256 ($Temporary + ':' + $stream.name) $false
    }
}

function Restore-File($Row) {
    $root = Resolve-Base $Row.base
    $names = @($Row.names)
    $wanted = Join-Names $root $names
    if (-not $PSCmdlet.ShouldProcess($wanted, 'restore ' + $Row.kind)) { Write-Outcome $Row 'skipped' $wanted $NotWanted; return }
    $folder = Confirm-Way $root $names
    $decision = Resolve-Conflict $wanted $folder $names[-1] $Row (Get-ContentPath $Row.content)
    if ($decision.Act -eq 'keep') { Write-Outcome $Row 'kept' $decision.Path $decision.Why; return }
    $temporary = $folder.TrimEnd('\') + '\.coldstate-' + ([long] $Row.id) + '.part'
    $kept = $null
    $aside = ''
    try {
        Write-Content $temporary $Row
        if ($decision.Act -eq 'replace') {
            $kept = [Coldstate]::Traits($decision.Path)
            $aside = Move-Aside $decision.Path $Row
        }
        [Coldstate]::Move($temporary, $decision.Path)
    }
    catch {
        $reason = Get-Reason $_
        if ([Coldstate]::Attributes($temporary) -ne -1) { [Coldstate]::DeleteFile($temporary) }
        if ($aside -and [Coldstate]::Attributes($decision.Path) -eq -1) { [Coldstate]::Move($aside, $decision.Path) }
        Stop-Restore $reason
    }
    [void] $Written.Add($decision.Path)
    if ($Row.kind -eq 'file' -and $Row.links) { $FirstNames[[long] $Row.id] = $decision.Path }
    $lost = Set-Dress $decision.Path $Row $kept
    if ($decision.Why) { $lost = Join-Reasons $Row.lost $lost }
    Write-Outcome $Row 'restored' $decision.Path $lost
}

function Restore-Link($Row) {
    $root = Resolve-Base $Row.base
    $path = Join-Names $root $Row.names
    if (-not $PSCmdlet.ShouldProcess($path, 'make link')) { Write-Outcome $Row 'skipped' $path $NotWanted; return }
    $tag = [uint32] $Row.tag
    if (@(2684354563, 2684354572, 2684354589) -notcontains [long] $tag) { Stop-Restore 'a reparse point that is no link' }
    $data = [Convert]::FromBase64String($Row.data)
    if ($data.Length -gt 16000) { Stop-Restore 'its reparse data is larger than NTFS takes' }
    if ($null -ne $Row.target) {
        $leads = Join-Names (Resolve-Base $Row.target.base) $Row.target.names
        $data = [Coldstate]::LinkData($tag, (Get-PlainPath $leads))
    }
    [void] (Confirm-Way $root $Row.names)
    if ([Coldstate]::Attributes($path) -ne -1) { Write-Outcome $Row 'kept' $path 'something has the name of this link'; return }
    [Coldstate]::MakeLink($path, [bool] $Row.directory, $tag, $data)
    Write-Outcome $Row 'restored' $path (Set-Dress $path $Row $null)
}

# --- INI values -------------------------------------------------------------------------------------------------------

function Restore-Ini($Row) {
    $root = Resolve-Base $Row.base
    $path = Join-Names $root $Row.names
    $short = Get-PlainPath $path
    $what = '{0} [{1}] {2}' -f $short, $Row.section, $Row.value
    if (-not $PSCmdlet.ShouldProcess($what, 'set INI value')) { Write-Outcome $Row 'skipped' $what $NotWanted; return }
    [void] (Confirm-Way $root $Row.names)
    $found = [Coldstate]::Attributes($path)
    if ($found -ne -1 -and ($found -band ($IsFolder -bor $IsReparsePoint))) { Stop-Restore 'no plain file has the name of its file' }
    $there = Get-IniValue $short $Row
    $told = Join-Pieces $Row
    $ours = Resolve-Join $Row $there $told.Data
    if (Test-Keep $Row $ours $there) { Write-Outcome $Row 'kept' $what $Row.rule; return }
    if ($null -ne $there) { Save-Before $Row $what 1 $there.Data }
    $text = Get-Text $ours
    [Coldstate]::WriteIni($short, $Row.section, $Row.value, $text)
    if ([Coldstate]::ReadIni($short, $Row.section, $Row.value) -cne $text.Trim()) {
        Write-Outcome $Row 'restored' $what 'Windows reads another text back'
        return
    }
    Write-Outcome $Row 'restored' $what (Join-Reasons $Row.lost $told.Lost)
}

function Get-IniValue([string] $File, $Row) {
    $text = [Coldstate]::ReadIni($File, $Row.section, $Row.value)
    if ($null -eq $text) { return $null }
    $found = New-Object ColdstateValue
    $found.Type = 1
    $found.Data = [System.Text.Encoding]::Unicode.GetBytes($text + "`0")
    return $found
}

# --- the registry -----------------------------------------------------------------------------------------------------

function Start-Reg([string] $Arguments) {
    $start = New-Object System.Diagnostics.ProcessStartInfo
    $start.FileName = $env:SystemRoot + '\System32\reg.exe'
    $start.Arguments = $Arguments
    $start.UseShellExecute = $false
    $start.CreateNoWindow = $true
    $start.RedirectStandardOutput = $true
    $start.RedirectStandardError = $true
    $process = [System.Diagnostics.Process]::Start($start)
    $heard = $process.StandardOutput.ReadToEndAsync()
    $said = $process.StandardError.ReadToEnd()
    [void] $heard.Result
    $process.WaitForExit()
    if ($process.ExitCode -ne 0) { Stop-Restore ('reg.exe: ' + $said.Trim()) }
}

function Mount-Hive([string] $Name, [string] $File) {
    if ([Coldstate]::Attributes((Get-ExtendedPath $File)) -eq -1) { return $false }
    Start-Reg ('load "HKU\{0}" "{1}"' -f $Name, $File)
    [void] $Loaded.Add($Name)
    return $true
}

# Roots of a user's registry: loaded already by Windows when that user is logged on, else loaded here.
function Open-Hive([string] $Base) {
    if ($Hives.ContainsKey($Base)) { return $Hives[$Base] }
    $sid = ($Base -split ':', 2)[1]
    if (-not $People.ContainsKey($sid)) { Stop-Restore 'its user is not in users.json' }
    $person = $People[$sid]
    if ($person.Why) { Stop-Restore $person.Why }
    $roots = @{ Own = ''; Classes = ''; Why = '' }
    if ([Coldstate]::KeyExists('HKU', $person.Sid)) {
        $roots.Own = $person.Sid
        if ([Coldstate]::KeyExists('HKU', $person.Sid + '_Classes')) { $roots.Classes = $person.Sid + '_Classes' }
    }
    else {
        $name = 'Coldstate_' + ($Hives.Count + 1)
        try {
            if (Mount-Hive $name ($person.Profile + '\NTUSER.DAT')) { $roots.Own = $name }
            else { $roots.Why = 'its NTUSER.DAT is not there: log on once' }
            if (Mount-Hive ($name + '_Classes') ($person.Profile + '\AppData\Local\Microsoft\Windows\UsrClass.dat')) {
                $roots.Classes = $name + '_Classes'
            }
        }
        catch { $roots.Why = Get-Reason $_ }
    }
    $Hives[$Base] = $roots
    return $roots
}

function Resolve-Key($Row) {
    foreach ($name in @($Row.names)) { Confirm-KeyName $name }
    $names = @($Row.names)
    if ($Row.base -eq 'HKLM' -or $Row.base -eq 'HKU') {
        if ($names.Count -eq 0) { Stop-Restore 'the root of the registry is no key' }
        return @{ Root = [string] $Row.base; Key = $names -join '\' }
    }
    if (-not ([string] $Row.base).StartsWith('user:')) { Stop-Restore 'the plan names a root that this script does not know' }
    $roots = Open-Hive $Row.base
    if ($names.Count -ge 2 -and $names[0] -eq 'Software' -and $names[1] -eq 'Classes') {
        if (-not $roots.Classes) { Stop-Restore 'its UsrClass.dat is not there: log on once' }
        $rest = @($names | Select-Object -Skip 2)
        return @{ Root = 'HKU'; Key = (@($roots.Classes) + $rest) -join '\' }
    }
    if (-not $roots.Own) { Stop-Restore $roots.Why }
    return @{ Root = 'HKU'; Key = (@($roots.Own) + $names) -join '\' }
}

# Writes down a value that will be replaced.
function Save-Before($Row, [string] $Place, [long] $Type, [byte[]] $Data) {
    if ($null -eq $BeforeWriter) { return }
    $line = [ordered]@{ id = $Row.id; place = $Place; value = $Row.value; type = $Type; data = [Coldstate]::ToHex($Data) }
    $BeforeWriter.WriteLine((ConvertTo-Json -InputObject $line -Compress))
}

# What a value is as a number: of a number, of text that spells one, of 1 to 8 bytes; else nothing.
function Get-Number($Value) {
    if ($TextTypes -contains $Value.Type) {
        $text = (Get-Text $Value).Trim()
        if ($text -match '^[+-]?[0-9]{1,28}\z') { return [decimal]::Parse($text, [Globalization.CultureInfo]::InvariantCulture) }
        if ($text -match '^0x[0-9a-f]{1,16}\z') { return [decimal] [Convert]::ToUInt64($text.Substring(2), 16) }
        return $null
    }
    $width = $Value.Data.Length
    if ($Value.Type -eq 4 -or $Value.Type -eq 5) { $width = 4 }
    if ($Value.Type -eq 11) { $width = 8 }
    $known = $NumberTypes -contains $Value.Type -or $Value.Type -eq 3
    if (-not $known -or $width -lt 1 -or $width -gt 8 -or $width -gt $Value.Data.Length) { return $null }
    $bytes = New-Object byte[] $width
    [Array]::Copy($Value.Data, $bytes, $width)
    if ($Value.Type -eq 5) { [Array]::Reverse($bytes) }
    $whole = New-Object byte[] 8
    [Array]::Copy($bytes, $whole, $width)
    return [decimal] [BitConverter]::ToUInt64($whole, 0)
}

function Get-Text($Value) {
    $text = [System.Text.Encoding]::Unicode.GetString($Value.Data, 0, $Value.Data.Length - $Value.Data.Length % 2)
    if ($Value.Type -eq 7) { return $text }
    return ($text -split "`0")[0]
}

# The elements once each after all Add and Remove of the words; case does not count.
function Edit-Elements($Elements, $Words) {
    $order = New-Object System.Collections.ArrayList
    $spelled = @{}
    foreach ($each in @($Elements)) {
        if ($each -and -not $spelled.ContainsKey($each.ToLowerInvariant())) {
            $spelled[$each.ToLowerInvariant()] = $each
            [void] $order.Add($each.ToLowerInvariant())
        }
    }
    $all = @($Words)
    for ($at = 0; $at + 1 -lt $all.Count; $at += 2) {
        $key = ([string] $all[$at + 1]).ToLowerInvariant()
        if ($all[$at] -eq 'Add' -and $key) {
            if (-not $spelled.ContainsKey($key)) { $spelled[$key] = [string] $all[$at + 1] }
            if (-not $order.Contains($key)) { [void] $order.Add($key) }
        }
        elseif ($all[$at] -eq 'Remove') {
            $order.Remove($key)
            $spelled.Remove($key)
        }
    }
    return @($order | ForEach-Object { $spelled[$_] })
}

function Split-Delimited($Value, [string] $Marks) {
    if ($null -eq $Value) { return @() }
    if ($Value.Type -eq 7) { $text = @(Get-Elements $Value) -join ';' }
    elseif ($TextTypes -contains $Value.Type) { $text = Get-Text $Value }
    else { return @() }
    return @($text.Split($Marks.ToCharArray()))
}

function Get-Elements($Value) {
    if ($null -eq $Value) { return @() }
    if ($Value.Type -eq 7) { return @((Get-Text $Value) -split "`0" | Where-Object { $_ }) }
    if ($TextTypes -contains $Value.Type) { return @(Get-Text $Value) }
    return @()
}

# A folder of this machine, written as the text writes its paths: with its separators, and in an address as one.
function Get-Spelled([string] $Folder, $Piece) {
    $names = @($Folder.Split('\'))
    if ($Piece.address) {
        $rest = @($names | Select-Object -Skip 1 | ForEach-Object { [Uri]::EscapeDataString($_) })
        $names = @($names[0]) + $rest
    }
    $text = $names -join $Piece.separator
    if ($names.Count -eq 1) { $text = $text + $Piece.root }
    return $text
}

# The bytes of a value, with the folders of this machine for those of the old one. They are what was stored where all
# folders are where they were, and where one of them is nowhere here: then Lost says why.
function Join-Pieces($Row) {
    $found = @{ Data = [Coldstate]::FromHex($Row.data); Lost = '' }
    $moved = $false
    $whole = New-Object System.IO.MemoryStream
    foreach ($piece in @($Row.pieces)) {
        if ($piece -is [string]) { $bytes = [Coldstate]::FromHex($piece) }
        else {
            try { $folder = (Get-PlainPath (Resolve-Base $piece.base)).TrimEnd('\') }
            catch {
                $found.Lost = 'paths in it stay those of the old machine: ' + (Get-Reason $_)
                return $found
            }
            if (-not [string]::Equals($folder, $piece.was, [StringComparison]::OrdinalIgnoreCase)) { $moved = $true }
            $bytes = [System.Text.Encoding]::Unicode.GetBytes((Get-Spelled $folder $piece))
        }
        $whole.Write($bytes, 0, $bytes.Length)
    }
    if ($moved) { $found.Data = $whole.ToArray() }
    return $found
}

# The value that is written: these bytes, or with what is there already put into it (contentModify).
function Resolve-Join($Row, $There, [byte[]] $Data) {
    $ours = New-Object ColdstateValue
    $ours.Type = [uint32] $Row.type
    $ours.Data = $Data
    if ($null -eq $Row.join) { return $ours }
    $found = New-Object ColdstateValue
    $words = @($Row.join.arguments)
    if ($Row.join.function -eq 'MergeMultiSzContent') {
        $texts = Edit-Elements (@(Get-Elements $There) + @(Get-Elements $ours)) $words
        $found.Type = 7
        $joined = (@($texts | ForEach-Object { $_ + "`0" }) -join '') + "`0"
        $found.Data = [System.Text.Encoding]::Unicode.GetBytes($joined)
        return $found
    }
    if ($Row.join.function -ne 'MergeDelimitedContent') { Stop-Restore 'the plan asks for a change that this script does not know' }
    $marks = ';'
    if ($words.Count -gt 0 -and $words[0]) { $marks = [string] $words[0] }
    $rest = @($words | Select-Object -Skip 1)
    $texts = Edit-Elements (@(Split-Delimited $There $marks) + @(Split-Delimited $ours $marks)) $rest
    $found.Type = 1
    if ($TextTypes -contains $ours.Type) { $found.Type = $ours.Type }
    $found.Data = [System.Text.Encoding]::Unicode.GetBytes((@($texts) -join $marks.Substring(0, 1)) + "`0")
    return $found
}

function Test-Keep($Row, $Ours, $There) {
    if ($null -eq $There) { return $false }
    if ($Row.rule -eq 'DestinationPriority') { return $true }
    $mine = Get-Number $Ours
    $other = Get-Number $There
    if ($null -eq $mine -or $null -eq $other) { return $false }
    if ($Row.rule -eq 'HigherValue') { return -not ($mine -gt $other) }
    if ($Row.rule -eq 'LowerValue') { return -not ($mine -lt $other) }
    return $false
}

# A value that depends on what is there, or that no .reg can name.
function Restore-Value($Row) {
    $place = Resolve-Key $Row
    $what = $place.Root + '\' + $place.Key + ' [' + $Row.value + ']'
    $there = [Coldstate]::ReadValue($place.Root, $place.Key, $Row.value)
    $told = Join-Pieces $Row
    $ours = Resolve-Join $Row $there $told.Data
    if (Test-Keep $Row $ours $there) { Write-Outcome $Row 'kept' $what $Row.rule; return }
    if ($null -ne $there) { Save-Before $Row $what $there.Type $there.Data }
    [Coldstate]::WriteValue($place.Root, $place.Key, $Row.value, $ours.Type, $ours.Data)
    Write-Outcome $Row 'restored' $what (Join-Reasons $Row.lost $told.Lost)
}

# Notes which .reg files the plan needs, and whose they are.
function Add-RegFile($Row) {
    if ($Row.by -eq 'script') { return }
    if (-not ($Row.by -match '^registry/[A-Za-z0-9-]+\.reg\z')) { Stop-Restore 'the plan names a file that is no .reg of the kit' }
    $base = ''
    if (([string] $Row.base).StartsWith('user:')) { $base = [string] $Row.base }
    $RegFiles[[string] $Row.by] = $base
}

# Before the .reg files are imported: writes down the value that one of them replaces.
function Step-Before($Row) {
    if ($Row.by -eq 'script' -or $Row.kind -ne 'value') { return }
    $place = Resolve-Key $Row
    $there = [Coldstate]::ReadValue($place.Root, $place.Key, $Row.value)
    if ($null -ne $there) { Save-Before $Row ($place.Root + '\' + $place.Key) $there.Type $there.Data }
}

# A copy of a .reg of one user, whose keys lie where that user's registry is now.
function Convert-Reg([string] $File, [string] $Base, [string] $Copy) {
    $roots = Open-Hive $Base
    $reader = New-Object System.IO.StreamReader $File, ([System.Text.Encoding]::Unicode)
    $writer = New-Object System.IO.StreamWriter $Copy, $false, ([System.Text.Encoding]::Unicode)
    try {
        $takes = $true
        while ($null -ne ($line = $reader.ReadLine())) {
            if ($line -match '^\[HKEY_CURRENT_USER\\Software\\Classes(?=[\\\]])') {
                $takes = [bool] $roots.Classes
                $line = '[HKEY_USERS\' + $roots.Classes + $line.Substring($Matches[0].Length)
            }
            elseif ($line -match '^\[HKEY_CURRENT_USER(?=[\\\]])') {
                $takes = [bool] $roots.Own
                $line = '[HKEY_USERS\' + $roots.Own + $line.Substring($Matches[0].Length)
            }
            elseif ($line.StartsWith('[')) { $takes = $false }
            if ($takes) { $writer.WriteLine($line) }
        }
    }
    finally {
        $reader.Dispose()
        $writer.Dispose()
    }
}

function Import-Registry {
    foreach ($name in @($RegFiles.Keys)) {
        $file = $PSScriptRoot + '\' + $name.Replace('/', '\')
        if (-not $PSCmdlet.ShouldProcess($file, 'reg import')) { continue }
        try {
            if (-not $RegFiles[$name]) { Start-Reg ('import "{0}"' -f $file); continue }
            $copy = (Get-Aside '') + '\import.reg'
            Convert-Reg $file $RegFiles[$name] $copy.Replace('\\?\', '')
            Start-Reg ('import "{0}"' -f $copy.Replace('\\?\', ''))
            [Coldstate]::DeleteFile($copy)
        }
        catch { Write-Warning ('{0}: {1}' -f $name, (Get-Reason $_)) }
    }
}

# After the import: is it there, to the byte?
function Complete-Setting($Row) {
    if ($Row.by -eq 'script' -and $Row.kind -eq 'value') { Restore-Value $Row; return }
    $place = Resolve-Key $Row
    $what = $place.Root + '\' + $place.Key
    if ($Row.kind -eq 'key') {
        if ($Row.by -eq 'script') { [Coldstate]::MakeKey($place.Root, $place.Key) }
        if (-not [Coldstate]::KeyExists($place.Root, $place.Key)) { Stop-Restore 'the key is not there after the import' }
        Write-Outcome $Row 'restored' $what ''
        return
    }
    $what = $what + ' [' + $Row.value + ']'
    $there = [Coldstate]::ReadValue($place.Root, $place.Key, $Row.value)
    if ($null -eq $there) { Stop-Restore 'the value is not there after the import' }
    if ($there.Type -ne [uint32] $Row.type -or [Coldstate]::HashOf($there.Data) -ne $Row.sha256) { Stop-Restore 'another value is there after the import' }
    Write-Outcome $Row 'restored' $what $Row.lost
}

function Dismount-Hives {
    [GC]::Collect()
    [GC]::WaitForPendingFinalizers()
    for ($at = $Loaded.Count - 1; $at -ge 0; $at--) {
        try { Start-Reg ('unload "HKU\{0}"' -f $Loaded[$at]) }
        catch { Write-Warning ('HKU\{0} stays loaded until Windows starts anew: {1}' -f $Loaded[$at], (Get-Reason $_)) }
    }
    $Loaded.Clear()
}

# --- the run ----------------------------------------------------------------------------------------------------------

function Confirm-Machine {
    $me = New-Object System.Security.Principal.WindowsPrincipal ([System.Security.Principal.WindowsIdentity]::GetCurrent())
    if (-not $me.IsInRole([System.Security.Principal.WindowsBuiltInRole]::Administrator)) {
        Stop-Restore 'start PowerShell as administrator: other people''s profiles are restored'
    }
    if ([Environment]::Is64BitOperatingSystem -and -not [Environment]::Is64BitProcess) {
        Stop-Restore 'start the 64-bit PowerShell: this one sees another registry'
    }
    foreach ($name in @('SeBackupPrivilege', 'SeRestorePrivilege', 'SeSecurityPrivilege', 'SeTakeOwnershipPrivilege', 'SeCreateSymbolicLinkPrivilege')) {
        if (-not [Coldstate]::EnablePrivilege($name)) { Write-Warning "$name is not to be had: some access lists or links may fail" }
    }
}

# The papers of the kit; contents are checked one by one when they are used.
function Confirm-Sums {
    if ($SkipSums) { return }
    foreach ($line in [System.IO.File]::ReadAllLines($PSScriptRoot + '\SHA256SUMS')) {
        if (-not ($line -match '^([0-9a-f]{64})  ([A-Za-z0-9._/-]+)\z')) { Stop-Restore 'SHA256SUMS is damaged' }
        $digest = $Matches[1]
        $name = $Matches[2]
        if ($name.StartsWith('contents/')) { break }
        $path = Join-Names $Kit ($name -split '/')
        if ([Coldstate]::HashFile($path) -ne $digest) { Stop-Restore "$name of the kit is damaged: its SHA-256 is another" }
    }
}

function Invoke-Row($Row) {
    try {
        switch ([string] $Row.kind) {
            'folder' { Restore-Folder $Row }
            'file' { Restore-File $Row }
            'hardlink' { Restore-File $Row }
            'efs' { Restore-File $Row }
            'link' { Restore-Link $Row }
            'ini' { Restore-Ini $Row }
            default { Stop-Restore 'the plan holds an object of a kind that this script does not know' }
        }
    }
    catch { Write-Outcome $Row 'failed' '' (Get-Reason $_) }
}

function Invoke-Setting($Row) {
    if ($SkipRegistry) { Write-Outcome $Row 'skipped' '' '-SkipRegistry'; return }
    if ($WhatIfPreference) { Write-Outcome $Row 'skipped' '' $NotWanted; return }
    try { Complete-Setting $Row }
    catch { Write-Outcome $Row 'failed' '' (Get-Reason $_) }
}

function Write-Undone($Row) {
    $outcome = 'failed'
    if ($Row.deed -eq 'keep') { $outcome = 'kept' }
    if ($Row.deed -eq 'skip') { $outcome = 'skipped' }
    Write-Outcome $Row $outcome '' $Row.reason
}

function Invoke-Files {
    $rows = 0
    foreach ($line in [System.IO.File]::ReadLines($PlanFile, [System.Text.Encoding]::ASCII)) {
        $row = ConvertFrom-Json -InputObject $line
        if ($row.kind -eq 'kit') { continue }
        if ($row.kind -eq 'end') { return [long] $row.rows }
        $rows++
        if ($rows % 500 -eq 0) { Write-Progress -Activity 'Restoring' -Status "$rows objects" }
        if ($row.deed -ne 'make') { Write-Undone $row; continue }
        if ($row.kind -ne 'key' -and $row.kind -ne 'value') { Invoke-Row $row; continue }
        if ($SkipRegistry) { continue }
        try {
            Add-RegFile $row
            if (-not $WhatIfPreference) { Step-Before $row }
        }
        catch { Write-Verbose (Get-Reason $_) }
    }
    Stop-Restore 'plan.jsonl ends before its last line'
}

function Invoke-Settings {
    foreach ($line in [System.IO.File]::ReadLines($PlanFile, [System.Text.Encoding]::ASCII)) {
        $row = ConvertFrom-Json -InputObject $line
        if ($row.kind -ne 'key' -and $row.kind -ne 'value') { continue }
        if ($row.deed -eq 'make') { Invoke-Setting $row }
    }
}

function Open-Writer([string] $Path) {
    $writer = New-Object System.IO.StreamWriter $Path, $false, (New-Object System.Text.UTF8Encoding $false)
    $writer.AutoFlush = $true
    return $writer
}

function Start-Log {
    if (-not $WhatIfPreference) {
        $folder = (Get-Aside '').Replace('\\?\', '')
        $script:BeforeWriter = Open-Writer ($folder + '\registry-before.jsonl')
        if (-not $Log) { $script:Log = $folder + '\log.jsonl' }
    }
    if ($Log) { $script:LogWriter = Open-Writer $Log }
}

function Read-People {
    $document = ConvertFrom-Json -InputObject ([System.IO.File]::ReadAllText($PSScriptRoot + '\users.json'))
    foreach ($row in @($document.users)) {
        if ($row.sid -notmatch '^S-1(-[0-9]+)+\z') { Stop-Restore 'users.json holds a SID that is none' }
        $person = Resolve-Person $row
        $People[[string] $row.sid] = $person
        if ($person.Sid) { $SidOf[[string] $row.sid] = $person.Sid }
        if ($person.Why) { Write-Warning $person.Why }
        Add-Groups $person
    }
}

function Remove-Staging {
    if (-not $Staging) { return }
    $start = New-Object System.Diagnostics.ProcessStartInfo
    $start.FileName = $env:SystemRoot + '\System32\cmd.exe'
    $start.Arguments = '/d /c rd /s /q "' + $Staging + '"'
    $start.UseShellExecute = $false
    [System.Diagnostics.Process]::Start($start).WaitForExit()
}

$code = 1
try {
    $Kit = Get-ExtendedPath $PSScriptRoot
    $PlanFile = $PSScriptRoot + '\plan.jsonl'
    Confirm-Machine
    Confirm-Sums
    $head = ConvertFrom-Json -InputObject ([System.IO.File]::ReadLines($PlanFile, [System.Text.Encoding]::ASCII) | Select-Object -First 1)
    if ($head.kind -ne 'kit' -or $head.format -ne 1) { Stop-Restore 'plan.jsonl is none that this script knows' }
    if ($head.system -notmatch '^[A-Z]:\z') { Stop-Restore 'plan.jsonl names no system drive' }
    $PlanSystem = [string] $head.system
    Start-Log
    Read-People
    if ($head.form -eq 'wim' -and $PSCmdlet.ShouldProcess('store.wim', 'expand')) { Expand-Contents }
    $asked = Invoke-Files
    Import-Registry
    Invoke-Settings
    Complete-Folders
    $sum = $Totals.restored + $Totals.kept + $Totals.skipped + $Totals.failed
    Write-Host ('{0} objects = {1} restored, {2} kept, {3} skipped, {4} failed; {5} not whole' -f $asked, $Totals.restored, $Totals.kept, $Totals.skipped, $Totals.failed, $NotWhole)
    if ($sum -ne $asked) { Stop-Restore "the sums do not balance: $asked asked for, $sum accounted for" }
    if ($Log) { Write-Host "The log is $Log" }
    $code = 0
    if ($Totals.failed -gt 0 -or $NotWhole -gt 0) { $code = 3 }
}
catch { [Console]::Error.WriteLine('Restore-Coldstate: ' + (Get-Reason $_)) }
finally {
    Dismount-Hives
    Remove-Staging
    if ($null -ne $LogWriter) { $LogWriter.Dispose() }
    if ($null -ne $BeforeWriter) { $BeforeWriter.Dispose() }
}
exit $code
