"""Where a piece of evidence can be looked at: the page that shows it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from wellkept.kernel.diagnosis import Look, Pointer
from wellkept.web.views.looks import address
from wellkept.web.wording import bare


@dataclass(frozen=True, slots=True)
class PointerView:
    """What it is, in words, and where it is."""

    words: str
    href: str


def pointed(pointer: Pointer) -> PointerView:
    """The link to what a pointer leads to."""
    words, page, more = _page(pointer)
    if pointer.look is Look.FINDING:
        return PointerView(words, page)
    return PointerView(words, address(page, start=pointer.start, end=pointer.end, onset=pointer.onset, **more))


def _page(pointer: Pointer) -> tuple[str, str, dict[str, str]]:
    """In words, the path of the page, and what else its address says."""
    name, entity = pointer.name, pointer.entity
    match pointer.look:
        case Look.FINDING:
            return "the finding", f"/findings/{quote(name)}", {}
        case Look.SERIES:
            return f"{name} of {bare(entity)}", "/series", {"name": name, "entity": entity}
        case Look.TRACE:
            return f"trace {name[:8]}", f"/traces/{quote(name)}", {"entity": entity, "at": pointer.where}
        case Look.LOGS:
            return "the lines", "/lines", {"pattern": name, "entity": entity}
        case Look.CHANGE:
            return "the change", f"/changes/{quote(name)}", {}
