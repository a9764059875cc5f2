"""Reading what a tracker answered: what may be missing is read as nothing, what must be there is missed by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from wellkept.spine.tickets.base import TicketError, Trouble


@dataclass(frozen=True, slots=True)
class Answer:
    """A document, or the part of one that stands at ``place``; ``request`` is what it answers."""

    request: str
    value: Any
    place: str = ""

    def __getitem__(self, name: str) -> Answer:
        """The part of that name, also where there is none."""
        found = self.value.get(name) if isinstance(self.value, Mapping) else None
        return Answer(self.request, found, f"{self.place}.{name}" if self.place else name)

    def __contains__(self, name: str) -> bool:
        return isinstance(self.value, Mapping) and name in self.value

    @property
    def text(self) -> str:
        """A text or a number as text; empty where it is neither."""
        is_text = isinstance(self.value, str | int | float) and not isinstance(self.value, bool)
        return str(self.value) if is_text else ""

    @property
    def needed(self) -> str:
        """The text, which must be there.

        Raises:
            TicketError: it is not.
        """
        if not self.text:
            raise self.lacking("text")
        return self.text

    @property
    def number(self) -> str:
        """A whole number, which must be there, as text.

        Raises:
            TicketError: it is not.
        """
        if not (self.text.isascii() and self.text.isdigit()):
            raise self.lacking("number")
        return self.text

    @property
    def moment(self) -> datetime | None:
        """A moment; None where it is none."""
        try:
            found = datetime.fromisoformat(self.text)
        except ValueError:
            return None
        return found if found.tzinfo else found.replace(tzinfo=UTC)

    @property
    def parts(self) -> list[Answer]:
        """The members of a list, which must be there.

        Raises:
            TicketError: it is not.
        """
        if not isinstance(self.value, list):
            raise self.lacking("list")
        return [Answer(self.request, one, f"{self.place}[{place}]") for place, one in enumerate(self.value)]

    def written(self, name: str) -> str:
        """The text of that name, which must be named and may be null: who leaves it out cannot be searched by it.

        Raises:
            TicketError: it is not named, or no text.
        """
        part = self[name]
        if name not in self or not isinstance(part.value, str | None):
            raise part.lacking("text")
        return part.text

    def names(self, key: str) -> tuple[str, ...]:
        """The texts of a list that has texts, or objects with a text of that name; whatever else is left out."""
        found = self.parts if isinstance(self.value, list) else []
        return tuple(name for one in found if (name := one.text or one[key].text))

    def lacking(self, what: str) -> TicketError:
        """What to raise where it is none."""
        place = f" at {self.place}" if self.place else ""
        return TicketError(Trouble.UNREADABLE, f"{self.request}: the answer has no {what}{place}")
