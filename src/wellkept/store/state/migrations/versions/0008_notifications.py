"""Notifications: what each receiver is to be told and was told, what became of it, and escalations."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "notifications",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("receiver", sa.String(80), nullable=False),
        sa.Column("subject", sa.String(120), nullable=False),
        sa.Column("route", sa.String(300), nullable=False),
        sa.Column("group", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("wanted", sa.JSON, nullable=False),
        sa.Column("wanted_key", sa.String(40), nullable=False),
        sa.Column("word", sa.Text, nullable=False),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("due_at", sa.DateTime(), nullable=False),
        sa.Column("is_held", sa.Boolean, nullable=False),
        sa.Column("is_over", sa.Boolean, nullable=False),
        sa.Column("digest", sa.String(40), nullable=False),
        sa.Column("repeat_at", sa.DateTime()),
        sa.Column("told_key", sa.String(40), nullable=False),
        sa.Column("told", sa.JSON),
        sa.Column("told_at", sa.DateTime()),
        sa.Column("times", sa.Integer, nullable=False),
        sa.Column("reference", sa.JSON, nullable=False),
        sa.Column("dead_key", sa.String(40), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("retry_at", sa.DateTime(), nullable=False),
        sa.Column("failing_since", sa.DateTime()),
        sa.Column("said", sa.Text, nullable=False),
        sa.Column("lease_by", sa.String(120), nullable=False),
        sa.Column("lease_until", sa.DateTime(), nullable=False),
        sa.Column("claims", sa.Integer, nullable=False),
        sa.Column("unsure", sa.Integer, nullable=False),
        sa.UniqueConstraint("receiver", "subject"),
    )
    op.create_index("notifications_due", "notifications", ["receiver", "due_at"])
    op.create_index("ix_notifications_subject", "notifications", ["subject"])
    op.create_index("ix_notifications_digest", "notifications", ["digest"])
    _history()


def _history() -> None:
    op.create_table(
        "notification_deliveries",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("notification", sa.String(40), nullable=False),
        sa.Column("receiver", sa.String(80), nullable=False),
        sa.Column("subject", sa.String(120), nullable=False),
        sa.Column("key", sa.String(80), nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("said", sa.Text, nullable=False),
        sa.Column("is_repeated", sa.Boolean, nullable=False),
    )
    op.create_index("notification_deliveries_of", "notification_deliveries", ["receiver", "outcome", "at"])
    op.create_index("ix_notification_deliveries_subject", "notification_deliveries", ["subject"])
    op.create_table(
        "notification_escalations",
        sa.Column("subject", sa.String(120), primary_key=True),
        sa.Column("policy", sa.String(80), nullable=False),
        sa.Column("route", sa.String(300), nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("due_at", sa.DateTime()),
        sa.Column("phase", sa.String(20), nullable=False),
        sa.Column("severity", sa.Integer, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
    )
    op.create_index("ix_notification_escalations_due_at", "notification_escalations", ["due_at"])
    op.create_table(
        "notification_positions",
        sa.Column("source", sa.String(40), primary_key=True),
        sa.Column("position", sa.Text, nullable=False),
        sa.Column("turn", sa.BigInteger, nullable=False),
    )
