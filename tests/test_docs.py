"""The docs name things that exist: files, Make targets, commands, links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wellkept.cli.main import COMMANDS

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    path
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *(ROOT / "docs").rglob("*.md"))
    if path.exists()
)

PATH = re.compile(r"`((?:src|tests|docs|tools|bench|examples)/[^`\s]*)`")
LINK = re.compile(r"\]\((?![a-z]+:|#)([^)#\s]+)(?:#[^)\s]*)?\)")
TARGET = re.compile(r"(?:`|^|\$ )make ([a-z]+)", re.MULTILINE)
COMMAND = re.compile(r"(?:`|^|\$ )wellkept ([a-z]+)", re.MULTILINE)

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def missing_paths(text: str, root: Path) -> list[str]:
    """The paths in backticks that lead nowhere. ``<name>`` and ``*`` stand for anything, ``:`` ends the path."""
    written = {match.partition(":")[0] for match in PATH.findall(text)}
    return sorted(path for path in written if not any(root.glob(re.sub(r"<[^>]*>", "*", path).rstrip("/"))))


@every_page
def test_every_path_in_backticks_exists(page: Path) -> None:
    assert missing_paths(page.read_text("utf-8"), ROOT) == []


@every_page
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    links = LINK.findall(page.read_text("utf-8"))

    assert [link for link in links if not (page.parent / link).exists()] == []


@every_page
def test_every_make_target_exists(page: Path) -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)

    assert set(TARGET.findall(page.read_text("utf-8"))) <= set(targets)


@every_page
def test_every_command_exists(page: Path) -> None:
    assert set(COMMAND.findall(page.read_text("utf-8"))) <= set(COMMANDS)


def test_a_path_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "src" / "a").mkdir(parents=True)
    (tmp_path / "src" / "a" / "b.py").touch()
    text = "`src/a/b.py`, `src/a/`, `src/<name>/b.py:12`, `src/*/b.py` but `src/a/c.py`, `docs/<name>.md`, not src/d.py"

    assert missing_paths(text, tmp_path) == ["docs/<name>.md", "src/a/c.py"]
