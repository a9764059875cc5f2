"""Webhooks: what is to be sent, how far the sources were read, what came in; and retrains that a CI runs."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("endpoint", sa.String(80), nullable=False),
        sa.Column("event", sa.String(80), nullable=False),
        sa.Column("type", sa.String(80), nullable=False),
        sa.Column("subject", sa.String(300), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", sa.DateTime(), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("history", sa.JSON, nullable=False),
        sa.UniqueConstraint("endpoint", "event"),
    )
    op.create_index("webhook_deliveries_due", "webhook_deliveries", ["state", "endpoint", "next_at"])
    op.create_table(
        "webhook_positions",
        sa.Column("source", sa.String(40), primary_key=True),
        sa.Column("position", sa.Text, nullable=False),
    )
    op.create_table(
        "webhooks_received",
        sa.Column("door", sa.String(80), primary_key=True),
        sa.Column("key", sa.String(300), primary_key=True),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("answer", sa.JSON),
    )
    op.create_index("ix_webhooks_received_at", "webhooks_received", ["at"])
    op.create_table(
        "external_runs",
        sa.Column("id", sa.String(80), primary_key=True),
        sa.Column("model", sa.String(120), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.Column("report", sa.JSON),
    )
    op.create_index("ix_external_runs_model", "external_runs", ["model"])
