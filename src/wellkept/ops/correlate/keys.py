"""What a finding has that another may have too: labels that name one thing, identifiers in its text, a change, a rule.

An empty value is no value, and what names a host is left out: sharing a host does not make two problems one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from wellkept.kernel.finding import Finding, FindingKind
from wellkept.kernel.incident import Tie

RuleKeys = Callable[[Finding], Sequence[tuple[str, float]]]
"""The groups of the user's grouping rules that a finding falls under, and within how many seconds each is one."""

NAMING = frozenset(
    {
        "commit", "consumer_group", "container", "cronjob", "daemonset", "database", "deployment", "device", "exchange",
        "job_name", "ingress", "persistentvolumeclaim", "pod", "queue", "release", "replicaset", "request_id",
        "rollout", "statefulset", "table", "topic", "trace_id", "volume", "volumename",
    }
)  # fmt: skip
"""Labels whose value names one thing, so that two alerts that share it speak of the same."""

_IDENTIFIER = re.compile(
    r"\b(?:\d{1,3}(?:\.\d{1,3}){3}:\d{2,5}"  # an address with its port
    r"|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"  # a UUID
    r"|[0-9a-f]{16,40}"  # an id of a trace, a digest, a commit
    r"|[a-z][a-z0-9]*(?:-[a-z0-9]+)+-[a-z0-9]*\d[a-z0-9]*)\b"  # a name with a number: pvc-data-7, orders-7f9c-x2
)
_MOST = 8
_OUTSIDE = frozenset({FindingKind.EXTERNAL, FindingKind.LOG_PATTERN})


class Key(NamedTuple):
    """One thing that a finding shares with others, by which tie, and its words."""

    tie: Tie
    what: str
    within_s: float = 0.0
    """How close together findings with it begin to be linked; 0: as the settings have it for the tie."""


def keys_of(finding: Finding, change: str = "", rules: RuleKeys | None = None) -> tuple[Key, ...]:
    """The keys of a finding, without duplicates. ``change`` is what its entity was changed by shortly before."""
    found = [Key(Tie.RULE, *group) for group in rules(finding)] if rules is not None else []
    if change:
        found.append(Key(Tie.SHARED_CHANGE, change))
    if finding.kind in _OUTSIDE:
        found += [Key(Tie.SHARED_LABELS, label) for label in _labels(finding)]
        found += [Key(Tie.SHARED_TEXT, name) for name in _identifiers(finding)]
    return tuple(found[:_MOST])


def _labels(finding: Finding) -> list[str]:
    labels = finding.evidence[0].attributes if finding.evidence else {}
    return [f"{name}={labels[name]}" for name in sorted(labels) if name in NAMING and labels[name].strip()]


def _identifiers(finding: Finding) -> list[str]:
    text = f"{finding.attributes.get('title', '')} {finding.sentence}".lower()
    own = finding.entity.lower()
    return sorted({name for name in _IDENTIFIER.findall(text) if name not in own})
