"""A version of a model that went live shortly before its server fell ill: the version is the cause, not the server.

Clues find the server, where the work is done. A server with nothing but a new version to it was well until then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from wellkept.kernel.change import ChangeKind
from wellkept.kernel.diagnosis import Fault, Reason
from wellkept.kernel.entity import EdgeKind
from wellkept.ops.diagnose.base import Case
from wellkept.ops.diagnose.common import EXPLAINED, Reasons, less


def with_versions(
    case: Case,
    reasons: Mapping[str, Sequence[Reason]],
    blamed: Mapping[str, str],
    weights: Mapping[str, float],
) -> Reasons:
    """The reasons, those against a server moved to the version of a model that it serves, as far as that explains them.

    ``blamed``: the change that is blamed most at each suspect. It explains as much as it is suspicious by itself (how
    shortly before, and how well it fits), and nothing where another change at the server is more so.
    """
    found: Reasons = {entity: list(said) for entity, said in reasons.items()}
    for change in case.changes:
        model = change.entity
        if change.kind is not ChangeKind.PROMOTION or blamed.get(model) != change.id:
            continue
        suspicious = max((r.strength for r in found[model] if r.kind == "change"), default=0.0)
        certain = suspicious / weights["change"] if suspicious else 0.0
        for server in case.graph.below(model, EdgeKind.SERVED_BY):
            signs = [reason for reason in found.get(server, ()) if reason.kind != "change"]
            if certain and signs and blamed.get(server) == change.id:
                found[model] += [_moved(reason, certain) for reason in signs]
                found[server] = less(found[server], EXPLAINED * certain, own=frozenset({"change"}))
    return found


def _moved(reason: Reason, certain: float) -> Reason:
    return replace(reason, strength=round(reason.strength * certain, 6), fault=Fault.CHANGE)
