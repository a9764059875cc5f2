"""Escalations by thing and policy: each team that is told of something has its own."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

TABLE, BEFORE = "notification_escalations", "notification_escalations_before"


def upgrade() -> None:
    op.drop_index("ix_notification_escalations_due_at", TABLE)
    op.rename_table(TABLE, BEFORE)
    made = op.create_table(
        TABLE,
        sa.Column("subject", sa.String(120), primary_key=True),
        sa.Column("policy", sa.String(80), primary_key=True),
        sa.Column("route", sa.String(300), nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("due_at", sa.DateTime()),
        sa.Column("phase", sa.String(20), nullable=False),
        sa.Column("severity", sa.Integer, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
    )
    op.create_index("ix_notification_escalations_due_at", TABLE, ["due_at"])
    names = [column.name for column in made.columns]
    op.execute(made.insert().from_select(names, sa.select(*map(sa.column, names)).select_from(sa.table(BEFORE))))
    op.drop_table(BEFORE)
