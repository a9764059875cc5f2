"""Members and story lines of incidents in tables of their own, revisions of incidents, how often a finding was said."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

STATES = ("open: ", "acknowledged: ", "mitigated: ", "resolved: ", "closed: ")


def upgrade() -> None:
    _tables()
    incidents = sa.table(
        "incidents",
        sa.column("id", sa.String),
        sa.column("updated_at", sa.DateTime),
        sa.column("revision", sa.Integer),
        sa.column("members", sa.Integer),
        sa.column("joined", sa.Integer),
        sa.column("lines", sa.Integer),
        sa.column("entities", sa.JSON),
        sa.column("body", sa.JSON),
    )
    connection = op.get_bind()
    number = 0
    for number, row in enumerate(connection.execute(_oldest_first(incidents)).all(), 1):
        body = dict(row.body)
        members, story = body.get("members", []), body.get("timeline", [])
        _move(connection, row.id, members, story)
        values = {
            "revision": number,
            "members": len({member["finding"] for member in members}),
            "joined": len(members),
            "lines": len(story),
            "entities": list(dict.fromkeys(member["entity"] for member in members)),
            "body": {**body, "members": [], "timeline": []},
        }
        connection.execute(sa.update(incidents).where(incidents.c.id == row.id).values(**values))
    findings = sa.table("findings", sa.column("revision", sa.Integer))
    newest = connection.execute(sa.select(sa.func.coalesce(sa.func.max(findings.c.revision), 0))).scalar_one()
    revisions = sa.table("revisions", sa.column("name", sa.String), sa.column("value", sa.Integer))
    rows = [{"name": "findings", "value": newest}, {"name": "incidents", "value": number}]
    connection.execute(sa.insert(revisions), rows)


def _tables() -> None:
    op.create_table(
        "revisions",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("value", sa.Integer, nullable=False),
    )
    op.create_table(
        "incident_members",
        sa.Column("incident", sa.String(40), primary_key=True),
        sa.Column("finding", sa.String(40), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("entity", sa.String(300), nullable=False),
        sa.Column("joined_at", sa.DateTime(), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("tie", sa.String(40), nullable=False),
        sa.Column("rests_on", sa.JSON, nullable=False),
        sa.Column("via", sa.String(40), nullable=False),
        sa.Column("held", sa.Text, nullable=False),
    )
    op.create_index("ix_incident_members_finding", "incident_members", ["finding"])
    op.create_index("incident_members_order", "incident_members", ["incident", "number"])
    op.create_table(
        "incident_timeline",
        sa.Column("incident", sa.String(40), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
    )
    op.add_column("incidents", sa.Column("revision", sa.Integer, nullable=False, server_default="0"))
    op.add_column("incidents", sa.Column("members", sa.Integer, nullable=False, server_default="0"))
    op.add_column("incidents", sa.Column("joined", sa.Integer, nullable=False, server_default="0"))
    op.add_column("incidents", sa.Column("lines", sa.Integer, nullable=False, server_default="0"))
    op.add_column("incidents", sa.Column("entities", sa.JSON, nullable=False, server_default="[]"))
    op.create_index("ix_incidents_revision", "incidents", ["revision"])
    op.create_index("ix_incidents_updated_at", "incidents", ["updated_at"])
    op.add_column("findings", sa.Column("said", sa.Integer, nullable=False, server_default="1"))
    op.add_column("findings", sa.Column("until", sa.DateTime(), nullable=True))


def _oldest_first(incidents: sa.TableClause) -> sa.Select[tuple[object, ...]]:
    return sa.select(incidents.c.id, incidents.c.body).order_by(incidents.c.updated_at, incidents.c.id)


def _move(connection: sa.Connection, incident: str, members: list[Any], story: list[Any]) -> None:
    """Write members and lines that stood in a body as rows."""
    moment: Any = sa.DateTime()
    names = ("incident", "finding", "number", "entity", "joined_at", "why", "tie", "rests_on", "via", "held")
    kinds: dict[str, Any] = {"joined_at": moment, "rests_on": sa.JSON(), "number": sa.Integer()}
    member_rows = sa.table("incident_members", *(sa.column(name, kinds.get(name, sa.Text())) for name in names))
    lines = ("incident", "number", "at", "actor", "what", "reference", "kind")
    line_kinds: dict[str, Any] = {"at": moment, "number": sa.Integer()}
    line_rows = sa.table(
        "incident_timeline",
        *(sa.column(name, line_kinds.get(name, sa.Text())) for name in lines),
    )
    held = {member["finding"]: member for member in members}
    if held:
        rows = [
            {
                "incident": incident,
                "finding": finding,
                "number": number,
                "entity": member["entity"],
                "joined_at": _moment(member["joined_at"]),
                "why": member["why"],
                "tie": member.get("tie", "grouped_before"),
                "rests_on": member.get("values", {}),
                "via": member.get("via", ""),
                "held": member.get("held", ""),
            }
            for number, (finding, member) in enumerate(held.items())
        ]
        connection.execute(sa.insert(member_rows), rows)
    if story:
        rows = [
            {
                "incident": incident,
                "number": number,
                "at": _moment(entry["at"]),
                "actor": entry["actor"],
                "what": entry["what"],
                "reference": entry.get("reference", ""),
                "kind": "state" if entry["what"].startswith(STATES) else entry.get("kind", "note"),
            }
            for number, entry in enumerate(story)
        ]
        connection.execute(sa.insert(line_rows), rows)


def _moment(text: str) -> datetime:
    """A moment as the store keeps it: UTC, without a zone."""
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)
