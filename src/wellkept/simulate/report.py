"""What a run has shown, as JSON values and as lines for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from wellkept.simulate.base import Plan, Told
from wellkept.simulate.expect import false_alarms, right_finding

HEADINGS = ("model", "found", "false alarms", "retrained", "wellkept", "never", "weekly", "metric")


def as_json(plan: Plan, told: Sequence[Told]) -> dict[str, Any]:
    """The whole run."""
    return {
        "fault": plan.fault,
        "months": plan.months,
        "seed": plan.seed,
        "start": plan.start.isoformat(),
        "end": plan.end.isoformat(),
        "fault_day": None if plan.fault == "none" else plan.begins,
        "folder": str(plan.folder),
        "held": not any(one.failed for one in told),
        "examples": [_example(plan, one) for one in told],
    }


def _example(plan: Plan, told: Told) -> dict[str, Any]:
    right = right_finding(plan, told)
    retrainings = {"wellkept": len(told.retrainings), "never": 0, "weekly": told.weekly}
    policies = {
        name: {"performance": told.performance[name], "retrainings": count} for name, count in retrainings.items()
    }
    return {
        "model": told.model,
        "metric": told.metric,
        "policies": policies,
        "found": asdict(right) if right else None,
        "delay_days": right.day - plan.begins if right else None,
        "false_alarms": len(false_alarms(plan, told)),
        "decisions": told.decisions,
        "findings": [asdict(seen) for seen in told.seen],
        "retrained_on_days": told.retrainings,
        "promoted_on_days": told.promotions,
        "failed": told.failed,
    }


def decided(told: Told) -> list[str]:
    """The decisions that were more than to leave the model alone, a line each."""
    return [f"{one['at'][:10]} {one['action']}: {one['sentence']}" for one in told.decisions if one["action"] != "none"]


def rows(plan: Plan, told: Sequence[Told]) -> list[tuple[str, ...]]:
    """A row of the table for each model, under ``HEADINGS``."""
    found = []
    for one in told:
        right = right_finding(plan, one)
        words = f"{right.kind.replace('_', ' ')} after {right.day - plan.begins} d" if right else "nothing"
        values = [f"{one.performance[name]:.3f}" for name in ("wellkept", "never", "weekly")]
        times = f"{len(one.retrainings)} of {one.weekly}"
        wrong = str(len(false_alarms(plan, one)))
        found.append((one.model, "-" if plan.fault == "none" else words, wrong, times, *values, one.metric))
    return found
