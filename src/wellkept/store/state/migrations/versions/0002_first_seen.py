"""When an entity was first seen, so that the topology of a moment holds nothing that came later."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Of what is there already nothing says since when: it counts as always there."""
    op.add_column("entities", sa.Column("first_seen", sa.DateTime(), nullable=True))
