"""Why findings are in an incident after people put incidents together or took them apart.

One of them is the first sign, the earliest; no reason rests on a finding that is elsewhere. What was put together and
is taken apart again has the reasons that it had.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from wellkept.kernel.finding import Finding
from wellkept.kernel.incident import Member, Tie

FIRST_SIGN = "the first sign"

Order = Callable[[Member], tuple[datetime, int, str]]
Said = Callable[[Member], Member]


@dataclass(frozen=True, slots=True)
class Hand:
    """Who mends the grouping, why and when."""

    by: str
    why: str
    at: datetime

    def put(self, member: Member, deed: str, other: str) -> Member:
        """The member with the deed as its reason, and what its tie was before."""
        values = {"by": self.by, "at": self.at.isoformat(), "from": other, "tie": member.tie.value}
        return replace(member, tie=Tie.HAND, why=self.said(deed), values=values)

    def said(self, deed: str) -> str:
        """What was done, by whom, when and why, as one sentence."""
        return f"{self.by} {deed} at {self.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC: {self.why}"


def order_of(findings: Iterable[Finding]) -> Order:
    """Earliest first, as grouping orders them; what is not kept any more comes by when it joined."""
    known = {one.id: (one.starts_at, -int(one.severity), one.id) for one in findings}
    return lambda member: known.get(member.finding, (member.joined_at, 0, member.finding))


def put_together(
    mine: Sequence[Member], came: Sequence[Member], order: Order, hand: Hand, ids: tuple[str, str]
) -> tuple[list[Member], list[Member]]:
    """The members of one incident (``ids``: its own and the other's) and those that come from another: of the first
    signs of both the earlier stays, and of the other it is said who merged it.
    """
    firsts = [member for member in (*mine, *came) if member.tie is Tie.FIRST]
    first = min(firsts, key=order, default=None)
    into, other = ids

    def told(members: Iterable[Member], deed: str) -> list[Member]:
        return [
            hand.put(member, deed, other) if member.tie is Tie.FIRST and member is not first else member
            for member in members
        ]

    return told(mine, f"merged {other}, which began earlier, into {into}"), told(came, f"merged {other} into {into}")


def put_in(members: Sequence[Member], came: Member, order: Order, hand: Hand, origin: str) -> list[Member]:
    """The members of an incident with one that was moved there from ``origin``: it is the first sign where it began
    before what was, of which it is said then that it was moved in front of it.
    """
    first = next((member for member in members if member.tie is Tie.FIRST), None)
    if first is None or order(first) < order(came):
        moved = replace(hand.put(came, "put it here", origin), why=f"{hand.by} put it here: {hand.why}", via="")
        return [*members, moved]
    deed = f"moved {came.finding}, which began earlier, here"
    told = [hand.put(member, deed, origin) if member is first else member for member in members]
    return [*told, replace(came, tie=Tie.FIRST, why=FIRST_SIGN, values={}, via="")]


def taken_apart(members: Sequence[Member], gone: Collection[str], order: Order, tell: Said) -> list[Member]:
    """The members of one side after others went to another incident.

    Where the first sign has gone, one that was the first sign before a merge is that again, else the earliest of those
    that were tied to another finding. ``tell`` gives the reason of what was tied to a finding that has gone.
    """
    was_first = [member for member in members if _was_first(member)]
    tied = [member for member in members if "to" in member.values]
    has_first = any(member.tie is Tie.FIRST for member in members)
    first = None if has_first else min(was_first or tied, key=order, default=None)
    return [
        replace(member, tie=Tie.FIRST, why=FIRST_SIGN, values={})
        if member is first
        else (tell(member) if member.values.get("to") in gone else member)
        for member in members
    ]


def left_behind(hand: Hand, to: str) -> Said:
    """Of what was tied to something that was taken out: that it was."""

    def tell(member: Member) -> Member:
        values: Mapping[str, str] = {**member.values, "tie": member.tie.value, "moved": to}
        why = f"was tied ({member.tie.value.replace('_', ' ')}) to what {hand.said(f'took out into {to}')}"
        return replace(member, tie=Tie.GROUPED_BEFORE, why=why, values=values)

    return tell


def _was_first(member: Member) -> bool:
    return member.tie is Tie.HAND and member.values.get("tie") == Tie.FIRST.value
