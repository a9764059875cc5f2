"""Grouping rules: saved with versions, suggested from merges and splits by hand, and tried on the stored history."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from wellkept.api.names import By
from wellkept.kernel.codec import encode
from wellkept.kernel.grouping import StoredRule
from wellkept.ops.correlate.rules.document import RuleText, text_of
from wellkept.ops.correlate.rules.replay import Replayed
from wellkept.ops.correlate.rules.usecases import MONTH_DAYS, MOST_DAYS, GroupingUse

Days = Annotated[float, Field(gt=0, le=MOST_DAYS)]


class Asked(BaseModel):
    """A key that nobody knows is a mistake."""

    model_config = ConfigDict(extra="forbid")

    by: By = "operator"


class NewRule(Asked):
    """A rule that is to be saved."""

    rule: RuleText


class Tried(BaseModel):
    """A rule that is to be tried on the last days."""

    model_config = ConfigDict(extra="forbid")

    rule: RuleText
    days: Days = MONTH_DAYS


def router(use: GroupingUse) -> APIRouter:
    """Routes below ``/api/v1/grouping``."""
    routes = APIRouter(prefix="/api/v1/grouping", tags=["grouping"])

    @routes.get("/rules")
    def rules() -> dict[str, Any]:
        return {"rules": [rule_document(one) for one in use.desk.rules()]}

    @routes.post("/rules", status_code=201)
    def save(asked: NewRule) -> dict[str, Any]:
        return {"rule": rule_document(use.desk.save_rule(asked.rule.rule(), asked.by))}

    @routes.get("/rules/{name}/versions")
    def versions(name: str) -> dict[str, Any]:
        return {"versions": [rule_document(one) for one in use.desk.versions(name)]}

    @routes.post("/rules/{name}/remove")
    def remove(name: str, asked: Asked) -> dict[str, Any]:
        return {"rule": rule_document(use.desk.remove_rule(name, asked.by))}

    @routes.post("/replay")
    def replayed(asked: Tried) -> dict[str, Any]:
        return {"days": asked.days, **replay_document(use.tried(asked.rule.rule(), asked.days))}

    @routes.get("/suggestions")
    def suggestions(days: float = Query(default=MONTH_DAYS, gt=0, le=MOST_DAYS)) -> dict[str, Any]:
        told = [
            {
                "rule": text_of(one.rule),
                "kind": one.kind.value,
                "decisions": list(one.decisions),
                "sentence": one.sentence,
                "replay": replay_document(outcome),
            }
            for one, outcome in use.suggestions(days)
        ]
        return {"days": days, "suggestions": told, "settled": use.settled()}

    @routes.post("/suggestions/{name}/dismiss")
    def dismiss(name: str, asked: Asked) -> dict[str, Any]:
        return {"rule": rule_document(use.dismiss(name, asked.by))}

    @routes.get("/decisions")
    def decisions(after: int = Query(default=0, ge=0)) -> dict[str, Any]:
        found, position = use.desk.decisions(after)
        return {"decisions": encode(found), "after": position}

    return routes


def rule_document(stored: StoredRule) -> dict[str, Any]:
    """A rule with its version, as plain JSON."""
    return {
        **text_of(stored.rule),
        "version": stored.version,
        "saved_by": stored.by,
        "saved_at": stored.at.isoformat(),
        "source": stored.source,
        "removed": stored.removed,
    }


def replay_document(outcome: Replayed) -> dict[str, Any]:
    """The outcome of a replay as plain JSON."""
    told: dict[str, Any] = encode(outcome)
    return told
