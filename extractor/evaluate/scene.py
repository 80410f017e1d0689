"""One Windows as rules see it: where its volumes lie, its registry, its users, its variables and its version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from extractor.model import User
from extractor.registry import Registry
from extractor.windows.namespace import Mount, Namespace


@dataclass(frozen=True, slots=True)
class Profile:
    """A user of the machine and the variables that rules see in that user's context (NAME -> plain text)."""

    user: User
    variables: Mapping[str, str]
    """Names in any letter case; the machine's variables need not be repeated."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One Windows, ready for rules to meet it."""

    namespace: Namespace = field(repr=False)
    profiles: tuple[Profile, ...]
    variables: Mapping[str, str]
    """Variables of the system context (NAME -> plain text)."""
    registry: Registry = field(default_factory=lambda: Registry({}), repr=False)
    version: str = ""
    """``major.minor.build.servicepack`` of the offline Windows, such as ``10.0.19045.0`` (DoesOSMatch)."""
    is_64bit: bool = True

    @property
    def mounts(self) -> tuple[Mount, ...]:
        """The trees of this Windows in its own letters."""
        return self.namespace.mounts
