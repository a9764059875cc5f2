"""What people said of findings."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "finding_feedback",
        sa.Column("finding", sa.String(40), primary_key=True),
        sa.Column("by", sa.String(120), primary_key=True),
        sa.Column("fingerprint", sa.String(40), nullable=False),
        sa.Column("detector", sa.String(80), nullable=False),
        sa.Column("entity", sa.String(300), nullable=False),
        sa.Column("signal", sa.String(300), nullable=False),
        sa.Column("score", sa.Float, nullable=False),
        sa.Column("starts_at", sa.DateTime(), nullable=False),
        sa.Column("opinion", sa.String(20), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
    )
    op.create_index("ix_finding_feedback_at", "finding_feedback", ["at"])
