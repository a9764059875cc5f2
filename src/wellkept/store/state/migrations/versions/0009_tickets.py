"""Tickets of incidents, here and in others' systems; the requests that were made for them; how far was read."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "tickets",
        sa.Column("incident", sa.String(40), primary_key=True),
        sa.Column("tracker", sa.String(80), primary_key=True),
        sa.Column("mark", sa.String(80), nullable=False),
        sa.Column("remote", sa.String(200), nullable=False),
        sa.Column("number", sa.String(200), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("there", sa.String(200), nullable=False),
        sa.Column("person", sa.String(300), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("closed_at", sa.DateTime()),
        sa.Column("wanted", sa.Integer, nullable=False),
        sa.Column("done", sa.Integer, nullable=False),
        sa.Column("next_at", sa.DateTime(), nullable=False),
        sa.Column("poll_at", sa.DateTime()),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("said", sa.JSON, nullable=False),
        sa.Column("doing", sa.JSON, nullable=False),
        sa.Column("lease_by", sa.String(80), nullable=False),
        sa.Column("lease_until", sa.DateTime(), nullable=False),
    )
    op.create_index("tickets_due", "tickets", ["tracker", "next_at"])
    op.create_index("ix_tickets_number", "tickets", ["number"])
    op.create_table(
        "ticket_calls",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("incident", sa.String(40), nullable=False),
        sa.Column("tracker", sa.String(80), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("method", sa.String(10), nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("said", sa.Text, nullable=False),
    )
    op.create_index("ix_ticket_calls_at", "ticket_calls", ["at"])
    op.create_index("ticket_calls_of", "ticket_calls", ["incident", "tracker"])
    op.create_table(
        "ticket_positions",
        sa.Column("source", sa.String(40), primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
    )
