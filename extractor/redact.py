"""Secrets that were given to this process, and texts without them: the last line of defence, before any text leaves.

No code writes a key on purpose; this is for words typed in the wrong place, and for other people's errors.
"""

from __future__ import annotations

import re

SHORTEST = 8
"""Characters: BitLocker takes no shorter password, and a shorter one would blot out half of a log."""
RECOVERY_PASSWORD = re.compile(r"(?<!\d)\d{6}(?:[-\u2010-\u2015 _.:;,/]?\d{6}){7}(?!\d)")
"""48 digits, whoever wrote them and however they are grouped."""
HIDDEN = "***"

_known: set[str] = set()


def remember(secret: str | bytes) -> None:
    """Have ``redacted`` hide this secret from now on; bytes are hidden in both spellings of their hexadecimal form."""
    texts = (secret.hex(), secret.hex().upper()) if isinstance(secret, bytes) else (secret,)
    _known.update(each for each in texts if len(each) >= SHORTEST)


def redacted(text: str) -> str:
    """Return a text with every known secret, and everything that looks like a recovery password, hidden."""
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return RECOVERY_PASSWORD.sub(HIDDEN, text)
