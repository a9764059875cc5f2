"""What a well-known series means: which way is bad, how much matters in its own unit, and where it ends."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Bad(IntEnum):
    """The direction in which a series gets worse; the value is the sign of a bad change."""

    UP = 1
    DOWN = -1


class Extreme(IntEnum):
    """What stands for a block of steps when growth is judged."""

    LOWEST = 0
    """The floor that it comes back to: for memory after garbage collection, queues, pools."""
    LAST = 1
    """What is there at the end: for disks and quotas."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a series says.

    ``floor`` is the least change, in the series' unit, that anyone would care about; ``share`` the least change as
    a share of the usual level. ``alarming`` is the level below which (above which, where down is bad) nothing is
    said at all. ``capacity`` is where the scale ends; ``limit`` names the series that holds the capacity of the same
    entity, and ``limit_where`` an attribute and its value by which that series is told. ``where`` lists attributes
    (by all the names they have had) and the value that one of them must have; where ``loose``, a series that has none
    of them is meant too.
    """

    name: str
    says: str
    unit: str
    bad: Bad
    floor: float
    share: float = 0.0
    alarming: float | None = None
    capacity: float | None = None
    limit: str = ""
    limit_where: tuple[str, str] | None = None
    whole: tuple[str, ...] = ()
    """Where no series tells the limit: the states of the same usage that make it up."""
    fills: Extreme | None = None
    where: tuple[tuple[tuple[str, ...], str], ...] = ()
    loose: bool = False
    unless: tuple[str, ...] = ()
    """Where the entity has a series of one of these names, which say the same, this one is not judged."""
    complement: bool = False
    """The series counts what is free; what is used is the capacity minus it."""
    counts: bool = False
    """A silent step is a zero, because nothing happened in it."""
    symptom: bool = False
    """Users feel it."""
    resource: str = ""
    """What may run out: ``memory``, ``disk``, ``cpu``, ``inodes``, ``file descriptors``, ``connections``, ``queue``."""
    brim: bool = True
    """Whether being full is trouble by itself: not where what is full is a cache, or a swap."""
    anomaly: bool = True
    """Whether a sudden change is worth a word (growth towards a limit is judged apart)."""
