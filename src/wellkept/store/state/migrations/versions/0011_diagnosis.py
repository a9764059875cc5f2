"""Causes that people confirmed, and the weights of the diagnosis that were learned from them."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "confirmed_causes",
        sa.Column("incident", sa.String(40), primary_key=True),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
    )
    op.create_index("ix_confirmed_causes_at", "confirmed_causes", ["at"])
    op.create_table(
        "diagnosis_weightings",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
    )
