"""Decisions about retraining with their numbers, and the versioned spans that are left out of training."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "retrain_decisions",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("model", sa.String(80), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("until", sa.DateTime(), nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
    )
    op.create_index("ix_retrain_decisions_model_until", "retrain_decisions", ["model", "until"])
    op.create_table(
        "training_exclusions",
        sa.Column("model", sa.String(80), primary_key=True),
        sa.Column("digest", sa.String(80), primary_key=True),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
    )
