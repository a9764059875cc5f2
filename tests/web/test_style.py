"""The style sheet: every colour of text can be read on every ground it stands on, in both themes."""

from __future__ import annotations

import re

import pytest

from wellkept.web.render import HERE

SHEET = (HERE / "static" / "wellkept.css").read_text(encoding="utf-8")
COLOURS = {
    name: (light, dark) for name, light, dark in re.findall(r"--([a-z-]+): light-dark\((#\w{6}), (#\w{6})\)", SHEET)
}
PAIRS = [
    *((text, ground) for text in ("ink", "soft", "faint", "accent") for ground in ("paper", "surface", "sunken")),
    *((tone, f"{tone}-soft") for tone in ("ok", "info", "warning", "error", "critical", "accent")),
    *((tone, "surface") for tone in ("ok", "warning", "error", "critical")),
    ("soft", "quiet-soft"),
    ("on-accent", "accent"),
]


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_has_the_contrast_that_wcag_asks_for(text: str, ground: str, theme: int) -> None:
    brighter, darker = sorted((luminance(COLOURS[name][theme]) for name in (text, ground)), reverse=True)
    assert (brighter + 0.05) / (darker + 0.05) >= 4.5


def test_nothing_comes_from_elsewhere() -> None:
    assert "http" not in re.sub(r"http://www\.w3\.org/\S+", "", SHEET)
    assert "@import" not in SHEET
    script = (HERE / "static" / "wellkept.js").read_text(encoding="utf-8")
    assert "innerHTML" not in script
    assert "https://" not in script
