"""Rollouts of model versions, and what was judged of them on the way."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "model_rollouts",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("model", sa.String(120), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
    )
    op.create_index("ix_model_rollouts_model", "model_rollouts", ["model"])
    op.create_index("ix_model_rollouts_state", "model_rollouts", ["state"])
    op.create_table(
        "model_rollout_looks",
        sa.Column("rollout", sa.String(40), primary_key=True),
        sa.Column("at", sa.DateTime(), primary_key=True),
        sa.Column("body", sa.JSON, nullable=False),
    )
