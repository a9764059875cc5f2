"""Groups: findings that are one problem, and why each is in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wellkept.kernel.finding import Finding
from wellkept.kernel.incident import Tie
from wellkept.ops.correlate.constraints import Pin
from wellkept.ops.correlate.links import Why, explain
from wellkept.spine.reasons import FIRST_SIGN

if TYPE_CHECKING:
    from wellkept.ops.correlate.merging import Part
    from wellkept.ops.correlate.placing import Option, Places

FIRST = Why(Tie.FIRST, FIRST_SIGN)
BEFORE = Why(Tie.GROUPED_BEFORE, "was grouped before")


@dataclass(frozen=True, slots=True)
class Group:
    """Findings that are one problem, earliest first, and why each is in it (by finding id)."""

    findings: tuple[Finding, ...]
    why: Mapping[str, Why]
    """Worked out when it is asked for: a storm of many thousands is grouped without a sentence for each."""


class Reasons(Mapping[str, Why]):
    """Why each finding of a part is in it, worked out on demand, while the places hold what it rests on."""

    def __init__(
        self, ordered: Sequence[str], part: Part, places: Places, pins: Callable[[Iterable[str]], list[Pin]]
    ) -> None:
        self._ordered, self._part, self._places, self._pins = ordered, part, places, pins
        self._ids = frozenset(ordered)
        self._ties: dict[str, tuple[str, Option]] | None = None

    def __getitem__(self, identity: str) -> Why:
        if identity == self._ordered[0]:
            return FIRST
        if identity not in self._ids:
            raise KeyError(identity)
        if self._ties is None:
            self._ties = self._strongest()
        found = self._ties.get(identity)
        return (found and self._explained(identity, *found)) or self._said(identity)

    def __iter__(self) -> Iterator[str]:
        return iter(self._ordered)

    def __len__(self) -> int:
        return len(self._ordered)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mapping) and dict(self) == dict(other)

    __hash__ = None  # type: ignore[assignment]

    def _strongest(self) -> dict[str, tuple[str, Option]]:
        """Of each finding its own tie, else the strongest of those that others have to it."""
        own = {identity: (identity, option) for identity, option in self._part.ties}
        for identity, option in sorted(self._part.ties, key=lambda tie: (-tie[1].score, tie[0])):
            own.setdefault(option.other, (identity, option))
        return own

    def _explained(self, identity: str, holder: str, option: Option) -> Why | None:
        entries = self._places.entries
        entry, other = entries.get(holder), entries.get(option.other)
        if entry is None or other is None:
            return None
        near, effect, cause = self._places.near, entry.finding, other.finding
        relation = near.below(effect.entity).get(cause.entity)
        if relation is None:
            # The two began at the same moment, and the one that is told as the first is the effect.
            relation = near.below(cause.entity).get(effect.entity)
            effect, cause = (cause, effect) if relation is not None else (effect, cause)
        why = explain(effect, cause, option.link, relation)
        to = other.id if identity == holder else holder
        return replace(why, values={**why.values, "to": to})

    def _said(self, identity: str) -> Why:
        by = next((pin.by for pin in self._pins([identity]) if pin.by), "")
        return Why(Tie.HAND, f"put together by {by}", {"by": by}) if by else BEFORE
