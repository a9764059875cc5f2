"""The plan of a retrain: what it trains on, what it leaves out, and since when the world is another."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from wellkept.kernel.clock import stable_id
from wellkept.kernel.entity import model_id
from wellkept.kernel.plan import Action, Plan, Risk, Verification
from wellkept.ml.contract import ModelContract
from wellkept.ml.retrain.action import RetrainModel
from wellkept.ml.retrain.ledger import ACTOR
from wellkept.ml.retrain.policy import Decision
from wellkept.ml.retrainspec import span_s
from wellkept.spine.registry import CHAMPION, ModelVersion
from wellkept.store.state.retrains import BadSpan


def retrain_plan(
    contract: ModelContract,
    champion: ModelVersion,
    decision: Decision,
    because: str,
    since: datetime | None,
    bad: Iterable[BadSpan],
) -> Plan:
    """The plan that trains on what is known at the decision, with the bad spans of the window left out.

    ``since``: when the world changed, if it did: both sides of the judgement then need rows of the new one.
    """
    now = decision.at
    start = now - timedelta(seconds=span_s(contract.retrain, contract.task))
    excluded = [(max(one.start, start), min(one.end, now)) for one in bad if one.end > start and one.start < now]
    entity = model_id(contract.name)
    arguments = {
        "model": contract.name,
        "start": start.isoformat(),
        "end": now.isoformat(),
        "since": since.isoformat() if since else None,
        "excluded": [[a.isoformat(), b.isoformat()] for a, b in excluded],
    }
    left_out = f", leaving out {len(excluded)} outage{'s' if len(excluded) != 1 else ''}" if excluded else ""
    return Plan(
        id=stable_id("pln", "retrain", contract.name, because, champion.digest, now.isoformat()),
        subject=entity,
        title=f"Retrain {contract.name}{left_out}",
        reason=decision.sentence if not because else f"{because} {decision.sentence}",
        risk=Risk.MEDIUM,
        actions=(Action(RetrainModel.name, entity, arguments, "nothing to undo: what is served stays as it is"),),
        verification=Verification(sentence="a new version was trained and judged"),
        proposed_at=now,
        proposed_by=ACTOR,
        effect="A challenger is trained and judged. What is served changes only by its promotion, another plan.",
        world={f"alias:{contract.name}@{CHAMPION}": champion.digest},
    )
