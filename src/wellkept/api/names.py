"""Names of people in requests."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError


def _on_one_line(name: str) -> str:
    if not name.isprintable():
        raise PydanticCustomError("name", "must be printable characters on one line")
    return name


ON_ONE_LINE = AfterValidator(_on_one_line)
"""Names stand in stories, audit logs and tables: what would break a line, or move a cursor, is in none."""
Who = Annotated[str, ON_ONE_LINE]
By = Annotated[str, Field(min_length=1, max_length=120), ON_ONE_LINE]
"""Who does something; nobody is no answer."""
