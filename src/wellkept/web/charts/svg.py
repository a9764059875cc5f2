"""The little that is needed to write SVG: elements with escaped attributes and text."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup, escape


def element(name: str, *children: str, cls: str = "", **attributes: str) -> Markup:
    """One element. Text children are escaped; ``data_tick`` becomes ``data-tick``."""
    named = {"class": cls.strip(), **attributes} if cls.strip() else attributes
    written = "".join(f' {key.replace("_", "-")}="{escape(value)}"' for key, value in named.items())
    inside = "".join(escape(child) for child in children)
    return Markup(f"<{name}{written}>{inside}</{name}>" if inside else f"<{name}{written}/>")  # noqa: S704 - all escaped


def svg(width: float, height: float, parts: Iterable[Markup], *, title: str, kind: str, **attributes: str) -> Markup:
    """A picture with its title for screen readers. It scales with its box."""
    frame = {"viewBox": f"0 0 {place(width)} {place(height)}", "role": "img", "aria-label": title}
    named = {key.replace("_", "-"): value for key, value in attributes.items()}
    return element("svg", element("title", title), *parts, cls=f"chart {kind}", **frame, **named)


def place(value: float) -> str:
    """A coordinate, to a tenth."""
    return f"{value:.1f}".removesuffix(".0")
