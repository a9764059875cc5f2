"""What the checks share: how much worse one figure is than another, and when a difference is more than chance."""

from __future__ import annotations

from statistics import NormalDist

from wellkept.ml.tasks import LOWER_IS_BETTER

SEED = 7
CHANCE = 0.05
"""Of gates on data without any difference, at most so many fail by chance, however many values they look at."""
Z90 = NormalDist().inv_cdf(0.95)
"""A 90 % interval is so many standard errors wide to each side."""


def worse(name: str, whole: float, part: float) -> float:
    """How much worse a part is than the whole, in the metric's own direction."""
    return part - whole if name in LOWER_IS_BETTER else whole - part


def surely(difference: float, error: float, looks: int, *, both_sides: bool = False) -> bool:
    """Whether a difference is more than chance, given its standard error and how many such differences were looked at.

    The level is shared out over the looks (Bonferroni). A difference whose error is not known counts as sure.
    """
    if not error > 0:
        return difference > 0
    level = CHANCE / max(1, looks) / (2 if both_sides else 1)
    return difference / error > NormalDist().inv_cdf(1 - level)


def percent(share: float) -> str:
    """A share as a text."""
    return f"{100 * share:.3g} %"
