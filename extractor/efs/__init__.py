r"""$EFS and ciphertext -> the raw format that Windows imports, or the plain content for those who have a key.

Words defined here: *metadata* is the value of the attribute $EFS; a *protector* is one entry of it, the file's key
encrypted for one certificate; the *FEK* is that key; a *keyring* holds the private keys that were given.

    metadata  $EFS -> who can open the file     raw        ciphertext -> [MS-EFSR] 2.2.3
    ciphers   the one module that decrypts      plain      ciphertext -> content
    keyring   PFX files -> private keys         dpapi md4  password -> master key -> what a blob protects
                                                key_files  Crypto\RSA, Crypto\Keys -> private keys
"""

from __future__ import annotations
