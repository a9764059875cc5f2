"""Noise: silences, maintenance windows, grouping rules, merges and splits by hand, what is held, and digests."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "silences",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("ends_at", sa.DateTime(), nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
    )
    op.create_index("ix_silences_ends_at", "silences", ["ends_at"])
    op.create_table(
        "maintenance_windows",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("ends_at", sa.DateTime()),
        sa.Column("body", sa.JSON, nullable=False),
    )
    op.create_table(
        "grouping_rules",
        sa.Column("name", sa.String(80), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("body", sa.JSON, nullable=False),
    )
    op.create_table(
        "grouping_decisions",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.UniqueConstraint("id"),
    )
    op.create_index("ix_grouping_decisions_at", "grouping_decisions", ["at"])
    op.create_table(
        "held_findings",
        sa.Column("finding", sa.String(40), primary_key=True),
        sa.Column("reason", sa.String(20), nullable=False),
        sa.Column("since", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime()),
        sa.Column("body", sa.JSON, nullable=False),
    )
    op.create_index("ix_held_findings_ended_at", "held_findings", ["ended_at"])
    op.create_table(
        "noise_digests",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.UniqueConstraint("id"),
    )
