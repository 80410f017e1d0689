"""USMT's names of algorithms: taken from runbooks, answered with what is really used.

Source: USMT "Migration store encryption"; usmt.md 6.4.
"""

from __future__ import annotations

from dataclasses import dataclass

from extractor.errors import UsageError

NAMES = ("AES", "AES_128", "AES_192", "AES_256", "3DES", "3DES_112")
DEFAULT = "3DES"
"""What USMT means by ``/encrypt`` and ``/decrypt`` alone."""
USED = "age v1: X25519 and scrypt for the keys, ChaCha20-Poly1305 for the content"


@dataclass(frozen=True, slots=True)
class AlgId:
    """An algorithm as USMT names it; whichever it is, the same one is used."""

    name: str

    @property
    def sentence(self) -> str:
        """What the log says of it."""
        return (
            f"{self.name} was asked for; what is used is {USED}. This is not USMT encryption:"
            " LoadState and UsmtUtils cannot open the store, `age` can"
        )


def parse_algid(text: str, spelled: str = "/encrypt") -> AlgId:
    """Return the algorithm of ``/encrypt[:AlgID]`` or ``/decrypt[:AlgID]`` in any case; empty is USMT's default.

    Raises UsageError (11) for a name that USMT does not know.
    """
    name = text.strip().upper() or DEFAULT
    if name not in NAMES:
        raise UsageError(f"{spelled}:{text}: takes {', '.join(NAMES)}")
    return AlgId(name)
