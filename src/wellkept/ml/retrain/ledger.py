"""What retraining keeps: every decision with its numbers, what is left out of training, and tainted versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from wellkept.kernel.clock import stable_id
from wellkept.kernel.codec import encode
from wellkept.kernel.entity import model_id
from wellkept.kernel.verdict import Verdict
from wellkept.ml.retrain.exclusions import TAINTED, joined, taint, version_of
from wellkept.ml.retrain.policy import Act, Decision
from wellkept.spine.audit import Audit
from wellkept.spine.registry import Registry
from wellkept.store.state.retrains import BadSpan, Exclusions, KeptDecision

ACTOR = "wellkept"


class Rows(Protocol):
    """What is used of the state store."""

    def save(self, decision: KeptDecision) -> None: ...

    def decisions(self, model: str, limit: int) -> list[KeptDecision]: ...

    def exclude(self, exclusions: Exclusions) -> None: ...

    def exclusions(self, model: str) -> list[Exclusions]: ...


class Ledger:
    """Keeps decisions: the same one again is one row with a later end."""

    def __init__(self, rows: Rows, registry: Registry, audit: Audit) -> None:
        self._rows, self._registry, self.audit = rows, registry, audit

    def note(self, decision: Decision, verdict: Verdict | None = None, plan: str = "") -> KeptDecision:
        """Keep a decision; one that is new also stands in the audit log, unless it is to do nothing."""
        last = next(iter(self._rows.decisions(decision.model, 1)), None)
        kept = KeptDecision(
            id=stable_id("dec", decision.model, decision.action, decision.reason, decision.at.isoformat()),
            model=decision.model,
            at=decision.at,
            until=decision.at,
            policy=decision.policy,
            action=str(decision.action),
            reason=decision.reason,
            sentence=decision.sentence,
            evidence=decision.evidence,
            numbers=decision.numbers,
            verdict=verdict.id if verdict else "",
            incident=verdict.incident if verdict else "",
            plan=plan,
        )
        is_same = last is not None and _key(last) == _key(kept) and decision.action is not Act.RETRAIN
        if last is not None and is_same:
            kept = replace(kept, id=last.id, at=last.at)
        self._rows.save(kept)
        if not is_same and decision.action is not Act.NONE:
            details = {"sentence": kept.sentence, "numbers": encode(kept.numbers), "policy": kept.policy}
            self.audit.append(decision.at, ACTOR, f"retrain.{kept.action}", model_id(decision.model), details)
        return kept

    def told(self, model: str, limit: int) -> list[dict[str, Any]]:
        """The newest decisions about a model as plain JSON values, newest first."""
        return [encode(one) for one in self._rows.decisions(model, limit)]

    def versions(self, model: str) -> list[Exclusions]:
        """Every version of what a model is not trained on, newest first."""
        return self._rows.exclusions(model)

    def excluded(self, model: str) -> Sequence[BadSpan]:
        """What the newest version of the exclusions says."""
        newest = next(iter(self._rows.exclusions(model)), None)
        return newest.spans if newest else ()

    def exclude(self, model: str, spans: Iterable[BadSpan], now: datetime) -> str:
        """Add spans to what is left out and mark the versions that they taint; gives the digest of what is left out."""
        before = self.excluded(model)
        newest = version_of(model, joined([*before, *spans]), now)
        if newest.spans != tuple(before):
            self._rows.exclude(newest)
            self._mark(model, newest.spans, now)
        return newest.digest

    def _mark(self, model: str, spans: Sequence[BadSpan], now: datetime) -> None:
        for version in self._registry.versions(model):
            why = taint(version, spans)
            if not why or version.lineage.get(TAINTED) == why:
                continue
            lineage: Mapping[str, str] = {**version.lineage, TAINTED: why}
            self._registry.update(replace(version, lineage=lineage))
            if TAINTED not in version.lineage:
                details = {"version": version.number, "digest": version.digest, "sentence": why}
                self.audit.append(now, ACTOR, "version.tainted", model_id(model), details)


def _key(kept: KeptDecision) -> tuple[str, ...]:
    return kept.policy, kept.action, kept.reason, kept.incident
