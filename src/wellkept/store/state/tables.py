"""The tables of the state store. Key columns are indexed; the whole kernel value is in ``body`` as JSON."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from wellkept.store.state import columns, tables_diagnosis, tables_leases, tables_noise, tables_retrain
from wellkept.store.state.columns import Integer, Moment

metadata = columns.metadata
"""Every table, also those of the other files."""

assert tables_noise.silences.metadata is tables_leases.leases.metadata is metadata
assert tables_diagnosis.confirmed_causes.metadata is tables_retrain.retrain_decisions.metadata is metadata

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
    Column("said", Integer, nullable=False, server_default="1"),
    Column("until", Moment),
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
    Column("updated_at", Moment, nullable=False, index=True),
    Column("body", JSON, nullable=False),
    Column("revision", Integer, nullable=False, index=True, server_default="0"),
    Column("members", Integer, nullable=False, server_default="0"),
    Column("joined", Integer, nullable=False, server_default="0"),
    Column("lines", Integer, nullable=False, server_default="0"),
    Column("entities", JSON, nullable=False, server_default="[]"),
)

incident_members = Table(
    "incident_members",
    metadata,
    Column("incident", String(40), primary_key=True),
    Column("finding", String(40), primary_key=True, index=True),
    Column("number", Integer, nullable=False),
    Column("entity", String(300), nullable=False),
    Column("joined_at", Moment, nullable=False),
    Column("why", Text, nullable=False),
    Column("tie", String(40), nullable=False),
    Column("rests_on", JSON, nullable=False),
    Column("via", String(40), nullable=False),
    Column("held", Text, nullable=False),
)

incident_timeline = Table(
    "incident_timeline",
    metadata,
    Column("incident", String(40), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("actor", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("kind", String(20), nullable=False),
)

revisions = Table(
    "revisions",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", Integer, nullable=False),
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

tickets = Table(
    "tickets",
    metadata,
    Column("incident", String(40), primary_key=True),
    Column("tracker", String(80), primary_key=True),
    Column("mark", String(80), nullable=False),
    Column("remote", String(200), nullable=False),
    Column("number", String(200), nullable=False, index=True),
    Column("url", Text, nullable=False),
    Column("state", String(20), nullable=False),
    Column("there", String(200), nullable=False),
    Column("person", String(300), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("closed_at", Moment),
    Column("wanted", Integer, nullable=False),
    Column("done", Integer, nullable=False),
    Column("next_at", Moment, nullable=False),
    Column("poll_at", Moment),
    Column("attempts", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("said", JSON, nullable=False),
    Column("doing", JSON, nullable=False),
    Column("lease_by", String(80), nullable=False),
    Column("lease_until", Moment, nullable=False),
    Index("tickets_due", "tracker", "next_at"),
)

ticket_calls = Table(
    "ticket_calls",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("incident", String(40), nullable=False),
    Column("tracker", String(80), nullable=False),
    Column("at", Moment, nullable=False, index=True),
    Column("method", String(10), nullable=False),
    Column("path", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("said", Text, nullable=False),
    Index("ticket_calls_of", "incident", "tracker"),
)

ticket_positions = Table(
    "ticket_positions",
    metadata,
    Column("source", String(40), primary_key=True),
    Column("position", Integer, nullable=False),
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

Index("incident_members_order", incident_members.c.incident, incident_members.c.number)
notifications = Table(
    "notifications",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("receiver", String(80), nullable=False),
    Column("subject", String(120), nullable=False, index=True),
    Column("route", String(300), nullable=False),
    Column("group", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("wanted", JSON, nullable=False),
    Column("wanted_key", String(40), nullable=False),
    Column("word", Text, nullable=False),
    Column("turn", Integer, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("is_held", Boolean, nullable=False),
    Column("is_over", Boolean, nullable=False),
    Column("digest", String(40), nullable=False, index=True),
    Column("repeat_at", Moment),
    Column("told_key", String(40), nullable=False),
    Column("told", JSON(none_as_null=True)),
    Column("told_at", Moment),
    Column("times", Integer, nullable=False),
    Column("reference", JSON, nullable=False),
    Column("dead_key", String(40), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("retry_at", Moment, nullable=False),
    Column("failing_since", Moment),
    Column("said", Text, nullable=False),
    Column("lease_by", String(120), nullable=False),
    Column("lease_until", Moment, nullable=False),
    Column("claims", Integer, nullable=False),
    Column("unsure", Integer, nullable=False),
    UniqueConstraint("receiver", "subject"),
)

notification_deliveries = Table(
    "notification_deliveries",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("notification", String(40), nullable=False),
    Column("receiver", String(80), nullable=False),
    Column("subject", String(120), nullable=False, index=True),
    Column("key", String(80), nullable=False),
    Column("what", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("said", Text, nullable=False),
    Column("is_repeated", Boolean, nullable=False),
)

notification_escalations = Table(
    "notification_escalations",
    metadata,
    Column("subject", String(120), primary_key=True),
    Column("policy", String(80), primary_key=True),
    Column("route", String(300), nullable=False),
    Column("step", Integer, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("due_at", Moment, index=True),
    Column("phase", String(20), nullable=False),
    Column("severity", Integer, nullable=False),
    Column("why", Text, nullable=False),
)

notification_positions = Table(
    "notification_positions",
    metadata,
    Column("source", String(40), primary_key=True),
    Column("position", Text, nullable=False),
    Column("turn", BigInteger, nullable=False),
)

Index("findings_open", findings.c.fingerprint, findings.c.ends_at)
Index("webhook_deliveries_due", webhook_deliveries.c.state, webhook_deliveries.c.endpoint, webhook_deliveries.c.next_at)
Index("notifications_due", notifications.c.receiver, notifications.c.due_at)
Index(
    "notification_deliveries_of",
    notification_deliveries.c.receiver,
    notification_deliveries.c.outcome,
    notification_deliveries.c.at,
)
