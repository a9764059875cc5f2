"""The tables of the state store. Key columns are indexed; the whole kernel value is in ``body`` as JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)


class Moment(TypeDecorator[datetime]):
    """A UTC moment: stored without a zone, handed out aware of it."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's
        return value.astimezone(UTC).replace(tzinfo=None) if value is not None else None

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's
        return value.replace(tzinfo=UTC) if value is not None else None


metadata = MetaData()

entities = Table(
    "entities",
    metadata,
    Column("id", String(300), primary_key=True),
    Column("kind", String(40), nullable=False, index=True),
    Column("last_seen", Moment, nullable=False),
    Column("body", JSON, nullable=False),
    Column("first_seen", Moment),
)

edges = Table(
    "edges",
    metadata,
    Column("source", String(300), primary_key=True),
    Column("target", String(300), primary_key=True),
    Column("kind", String(40), primary_key=True),
    Column("since", Moment, nullable=False),
    Column("last_seen", Moment, nullable=False),
)

findings = Table(
    "findings",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("fingerprint", String(40), nullable=False, index=True),
    Column("detector", String(80), nullable=False),
    Column("entity", String(300), nullable=False, index=True),
    Column("starts_at", Moment, nullable=False, index=True),
    Column("ends_at", Moment, index=True),
    Column("last_seen", Moment, nullable=False),
    Column("revision", Integer, nullable=False, index=True),
    Column("body", JSON, nullable=False),
)

feedback = Table(
    "finding_feedback",
    metadata,
    Column("finding", String(40), primary_key=True),
    Column("by", String(120), primary_key=True),
    Column("fingerprint", String(40), nullable=False),
    Column("detector", String(80), nullable=False),
    Column("entity", String(300), nullable=False),
    Column("signal", String(300), nullable=False),
    Column("score", Float, nullable=False),
    Column("starts_at", Moment, nullable=False),
    Column("opinion", String(20), nullable=False),
    Column("at", Moment, nullable=False, index=True),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("state", String(20), nullable=False, index=True),
    Column("opened_at", Moment, nullable=False, index=True),
    Column("updated_at", Moment, nullable=False),
    Column("body", JSON, nullable=False),
)

diagnoses = Table(
    "diagnoses",
    metadata,
    Column("incident", String(40), primary_key=True),
    Column("at", Moment, nullable=False),
    Column("body", JSON, nullable=False),
)

verdicts = Table(
    "verdicts",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("subject", String(300), nullable=False, index=True),
    Column("kind", String(20), nullable=False),
    Column("at", Moment, nullable=False),
    Column("body", JSON, nullable=False),
)

plans = Table(
    "plans",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("hash", String(64), nullable=False),
    Column("subject", String(300), nullable=False, index=True),
    Column("state", String(20), nullable=False, index=True),
    Column("proposed_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("body", JSON, nullable=False),
    Column("decision", JSON(none_as_null=True)),
    Column("results", JSON, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("actor", String(120), nullable=False),
    Column("verb", String(80), nullable=False),
    Column("subject", String(300), nullable=False, index=True),
    Column("details", JSON, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

agents = Table(
    "agents",
    metadata,
    Column("id", String(120), primary_key=True),
    Column("last_seen", Moment, nullable=False),
    Column("body", JSON, nullable=False),
)

agent_actions = Table(
    "agent_actions",
    metadata,
    Column("key", String(120), primary_key=True),
    Column("agent", String(120), nullable=False, index=True),
    Column("at", Moment, nullable=False),
    Column("body", JSON, nullable=False),
    Column("result", JSON(none_as_null=True)),
)

contracts = Table(
    "model_contracts",
    metadata,
    Column("model", String(120), primary_key=True),
    Column("digest", String(80), nullable=False),
    Column("at", Moment, nullable=False),
    Column("document", Text, nullable=False),
)

versions = Table(
    "model_versions",
    metadata,
    Column("digest", String(80), primary_key=True),
    Column("model", String(120), nullable=False, index=True),
    Column("number", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("body", JSON, nullable=False),
    UniqueConstraint("model", "number"),
)

aliases = Table(
    "model_aliases",
    metadata,
    Column("model", String(120), primary_key=True),
    Column("alias", String(60), primary_key=True),
    Column("digest", String(80), nullable=False),
)

alias_history = Table(
    "model_alias_history",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("model", String(120), nullable=False, index=True),
    Column("alias", String(60), nullable=False),
    Column("digest", String(80), nullable=False),
    Column("at", Moment, nullable=False),
    Column("by", String(120), nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("subject", String(300), nullable=False, index=True),
    Column("state", String(20), nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Column("seconds", Float),
    Column("body", JSON, nullable=False),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("endpoint", String(80), nullable=False),
    Column("event", String(80), nullable=False),
    Column("type", String(80), nullable=False),
    Column("subject", String(300), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("body", Text, nullable=False),
    Column("state", String(20), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Moment, nullable=False),
    Column("reason", Text, nullable=False),
    Column("history", JSON, nullable=False),
    UniqueConstraint("endpoint", "event"),
)

webhook_positions = Table(
    "webhook_positions",
    metadata,
    Column("source", String(40), primary_key=True),
    Column("position", Text, nullable=False),
)

webhooks_received = Table(
    "webhooks_received",
    metadata,
    Column("door", String(80), primary_key=True),
    Column("key", String(300), primary_key=True),
    Column("at", Moment, nullable=False, index=True),
    Column("answer", JSON(none_as_null=True)),
)

external_runs = Table(
    "external_runs",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("model", String(120), nullable=False, index=True),
    Column("state", String(20), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("body", JSON, nullable=False),
    Column("report", JSON(none_as_null=True)),
)

rollouts = Table(
    "model_rollouts",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("model", String(120), nullable=False, index=True),
    Column("state", String(20), nullable=False, index=True),
    Column("started_at", Moment, nullable=False),
    Column("body", JSON, nullable=False),
)

rollout_looks = Table(
    "model_rollout_looks",
    metadata,
    Column("rollout", String(40), primary_key=True),
    Column("at", Moment, primary_key=True),
    Column("body", JSON, nullable=False),
)

Index("findings_open", findings.c.fingerprint, findings.c.ends_at)
Index("webhook_deliveries_due", webhook_deliveries.c.state, webhook_deliveries.c.endpoint, webhook_deliveries.c.next_at)
