r"""The way down into a tree of directories or keys: which rules match here, and which may match further down.

Rules are led by the literal beginning of their node (``C:\Users\bob\*`` waits at ``C:``, ``Users``, ``bob``), so that
a directory meets only those that lead into it. Past its literal beginning a rule with another star in its node *roams*:
it is looked at again in each directory whose name it wants. One that takes all below is *settled*, and not looked at
again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from extractor.evaluate import ActiveRule
from extractor.model import WinPath
from extractor.rules.model import Verb
from extractor.rules.patterns import Glob, Specificity, node_part
from extractor.select.layers import Includes, Layer, Ranked, cutter, narrowest


@dataclass(slots=True)
class Signpost:
    """Where literal beginnings lead on to, and the rules whose beginning ends here or inside the next part."""

    below: dict[str, Signpost] = field(default_factory=dict)
    arrived: list[Ranked] = field(default_factory=list)
    begun: list[tuple[str, Ranked]] = field(default_factory=list)
    r"""With the beginning of the next part: ``C:\Users\b*`` at ``Users``."""
    reach: dict[int, Specificity] = field(default_factory=dict)
    """The narrowest include of each component that may match below, but not here."""

    def add(self, each: Ranked) -> None:
        """Lead a rule to where its literal beginning ends."""
        *parts, rest = each[1].location.node.prefix.split("\\")
        post = self
        for part in parts:
            post.note_include(each[1])
            post = post.below.setdefault(f"{part}\\", Signpost())
        if rest:
            post.note_include(each[1])
            post.begun.append((rest, each))
        else:
            post.arrived.append(each)

    def note_include(self, rule: ActiveRule) -> None:
        """Keep how narrow an include is that may match below."""
        if rule.verb is Verb.INCLUDE:
            narrow = rule.location.specificity
            self.reach[rule.instance] = max(narrow, self.reach.get(rule.instance, narrow))


NOWHERE = Signpost()


class Roaming:
    """Rules past their literal beginning, by the name of the directory at which they can match."""

    def __init__(self, rules: Sequence[Ranked] = (), above: Roaming | None = None) -> None:
        self.chain: tuple[Roaming, ...] = (self, *above.chain) if above else (self,)
        self.includes: Includes = narrowest(above.includes if above else {}, rules)
        self.by_part: dict[str | None, list[Ranked]] = {}
        for each in rules:
            self.by_part.setdefault(_wanted_part(each[1].location.node), []).append(each)

    def meeting(self, part: str) -> Iterator[Ranked]:
        """Yield the rules that may match at a directory of this name and did not above it."""
        for each in self.chain:
            yield from each.by_part.get(part, ())
            yield from each.by_part.get(None, ())


def _wanted_part(node: Glob) -> str | None:
    r"""Return the name that a directory has where a node first matches (``PICS\`` of ``C:\*\Pics\*``), None for any.

    The last literal piece ends at the end of that directory's path, for it did not fit into the path above.
    """
    piece = node.pieces[-2] if node.open_ended else node.pieces[-1]
    above, _, name = piece[:-1].rpartition("\\")
    is_whole = piece.endswith("\\") and len(above) + len(name) < len(piece) - 1
    return f"{name}\\" if is_whole else None


class Outlook(NamedTuple):
    """Whether something in or below a directory may be chosen, and the exclude that leaves nothing, if one does."""

    is_open: bool
    cut: ActiveRule | None = None


CLOSED = Outlook(is_open=False)
OPEN = Outlook(is_open=True)


@dataclass(frozen=True, slots=True)
class Way:
    """A place on the way down, as rules see it."""

    node: str
    """Node text."""
    post: Signpost
    roaming: Roaming
    settled: Layer
    """Rules that match here and everywhere below."""
    here: Layer
    """Those, and the rules that match this one node."""

    def to(self, path: WinPath) -> Way:
        """Return the way from the top to a path."""
        way = self.below(path.drive)
        for part in path.parts:
            way = way.below(part)
        return way

    def below(self, name: str) -> Way:
        """Return the way one name further down."""
        part = node_part(name)
        node, post = self.node + part, self.post.below.get(part, NOWHERE)
        arriving = [each for rest, each in self.post.begun if part.startswith(rest)] + post.arrived
        met = [each for each in self.roaming.meeting(part) if not self.settled.holds(each)]
        if not arriving and not met:
            return Way(node, post, self.roaming, self.settled, self.settled)
        matching = [each for each in (*arriving, *met) if _node(each).matches(node)]
        settled = [each for each in matching if _node(each).open_ended]
        alone = [each for each in matching if not _node(each).open_ended]
        ground = Layer(settled, self.settled) if settled else self.settled
        here = Layer(alone, ground) if alone else ground
        return Way(node, post, self._roaming(arriving, ground), ground, here)

    def _roaming(self, arriving: Sequence[Ranked], ground: Layer) -> Roaming:
        more = [each for each in arriving if not _node(each).exact and not ground.holds(each)]
        return Roaming(more, self.roaming) if more else self.roaming

    @property
    def outlook(self) -> Outlook:
        """Tell whether the rules may choose something in or below this place."""
        if self.here.is_open:
            return OPEN
        reaching = [
            each for each in (self.here.includes, self.roaming.includes, self.post.reach) if each
        ]
        if not reaching:
            return CLOSED
        cut = cutter(self.here, reaching)
        return Outlook(is_open=False, cut=cut) if cut else OPEN


def way_of(rules: Iterable[ActiveRule], met: set[int] | None = None) -> Way:
    """Return the way of ranked rules at its top, above all drives and hives.

    ``met`` gathers, while the way is gone, the numbers of the rules that matched anything.
    """
    top = Signpost()
    for each in enumerate(rules):
        top.add(each)
    ground = Layer(met=met)
    return Way("", top, Roaming(top.arrived), ground, ground)


def _node(each: Ranked) -> Glob:
    return each[1].location.node
