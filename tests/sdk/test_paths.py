"""Names in paths: whatever somebody calls a thing, it is one part of the path."""

from __future__ import annotations

import ast
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wellkept
from wellkept.kernel.errors import InputError
from wellkept.sdk.paths import path_of

PLACES = ("cli", "sdk")


@given(st.text(min_size=1) | st.sampled_from(["#7", "a/b", "a?b=c", "50%", "{}", "../x"]))
def test_a_name_is_one_part_of_the_path(name: str) -> None:
    if name in (".", ".."):
        return
    url = httpx.URL("http://server").join(path_of("/api/v1/tickets/{}/close", name))

    parts = url.raw_path.decode().split("/")
    assert [unquote(part) for part in parts] == ["", "api", "v1", "tickets", name, "close"]


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_that_no_path_can_hold_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="must not be empty or dots"):
        path_of("/api/v1/tickets/{}", name)


def test_no_command_writes_a_name_into_a_path_itself() -> None:
    root = Path(wellkept.__file__).parent
    written = [
        f"{file.name}:{node.lineno}"
        for place in PLACES
        for file in sorted((root / place).glob("*.py"))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.JoinedStr) and _is_path(node)
    ]
    assert written == []


def _is_path(node: ast.JoinedStr) -> bool:
    """Whether a text with something in it has a part of the interface's paths before that."""
    fixed = [part.value for part in node.values[:-1] if isinstance(part, ast.Constant)]
    return any(str(part).startswith(("/api/", "/prometheus/")) for part in fixed)
