"""One fixture per mistake: each names line, field, rule and value in its first comments, and the reader must say so."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, field_validator

from wellkept.kernel.errors import DocumentError
from wellkept.spine.documents import load_document, read_document

FIXTURES = sorted((Path(__file__).parent / "documents").glob("*.yaml"))


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Server(Part):
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 0


class Rule(Part):
    kind: Literal["above", "below"]
    limit: float

    @field_validator("limit")
    @classmethod
    def _not_thirteen(cls, limit: float) -> float:
        if limit == 13:
            raise ValueError(f"must not be thirteen, got {limit!r}")
        return limit


class Shop(Part):
    name: str
    mode: Literal["fast", "slow"] = "fast"
    since: date | None = None
    server: Server = Server()
    rules: tuple[Rule, ...] = ()


def mistakes(text: str, overrides: dict[tuple[str | int, ...], str] | None = None) -> list[str]:
    with pytest.raises(DocumentError) as raised:
        load_document(Shop, text, "shop.yaml", overrides)
    return [str(problem) for problem in raised.value.problems]


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda path: path.stem)
def test_a_mistake_is_named(fixture: Path) -> None:
    text = fixture.read_text(encoding="utf-8")
    expected = re.findall(r"^# expect: (.*)$", text, re.MULTILINE)

    assert expected, "a fixture begins with what it expects"
    assert mistakes(text) == expected


def test_a_right_document_is_read() -> None:
    shop = load_document(Shop, "name: shop\nserver: {port: 80}\nrules: [{kind: above, limit: 3}]", "shop.yaml")

    assert (shop.name, shop.server.port, shop.rules[0].limit) == ("shop", 80, 3.0)


def test_the_error_names_the_document_and_counts() -> None:
    with pytest.raises(DocumentError, match=r"^shop\.yaml has 2 mistakes:\n") as raised:
        load_document(Shop, "colour: red", "shop.yaml")

    assert raised.value.source == "shop.yaml"


@pytest.mark.parametrize("text", ["name: a\x00b", "name: shop\nmode: \x07"])
def test_a_character_that_yaml_forbids_is_named_with_its_line(text: str) -> None:
    (mistake,) = mistakes(text)

    assert mistake.startswith(f"line {text.count(chr(10)) + 1}: document: is not YAML: ")


def test_a_few_lines_that_stand_for_billions_are_refused() -> None:
    bomb = "name: shop\na: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
    for here, inner in zip("bcdefghi", "abcdefgh", strict=True):
        bomb += f"{here}: &{here} [{', '.join([f'*{inner}'] * 10)}]\n"

    (mistake,) = mistakes(bomb)

    assert "it has more than 100000 values" in mistake


def test_nesting_without_end_is_refused() -> None:
    (mistake,) = mistakes("name: " + "[" * 20_000)

    assert mistake == "document: is not YAML: it is nested too deeply"


def test_an_anchor_may_be_used_twice() -> None:
    text = "name: shop\nrules: [&rule {kind: above, limit: 3}, *rule]"

    assert len(load_document(Shop, text, "shop.yaml").rules) == 2


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_bytes(b"name: \xff\xfe")

    with pytest.raises(DocumentError, match=re.escape(f"{file} has 1 mistake:\n  document: is not YAML: byte 6")):
        read_document(Shop, file)


def test_an_override_is_laid_over_the_document() -> None:
    overrides: dict[tuple[str | int, ...], str] = {
        ("server", "port"): "81",
        ("mode",): "slow",
        ("rules",): "[{kind: below, limit: 1}]",
    }

    shop = load_document(Shop, "name: shop\nserver: {port: 80, host: localhost}", "shop.yaml", overrides)

    assert (shop.server.port, shop.server.host, shop.mode, shop.rules[0].kind) == (81, "localhost", "slow", "below")


@pytest.mark.parametrize("text", ["name: shop", "name: shop\nserver:"])
def test_an_override_makes_the_mappings_above_it(text: str) -> None:
    assert load_document(Shop, text, "shop.yaml", {("server", "port"): "81"}).server.port == 81


@pytest.mark.parametrize(
    ("path", "value", "mistake"),
    [
        (("server", "port"), "70000", "server.port (override): input should be less than or equal to 65535, got 70000"),
        (("server", "prot"), "1", "server.prot (override): is not a known field, got 1"),
        (("server", "port"), "[", "server.port (override): is not YAML, got '['"),
        (("name", "first"), "x", "name.first (override): cannot be set, because name is not a mapping"),
        (("rules", "0", "limit"), "1", "rules.0.limit (override): cannot be set, because rules is not a mapping"),
        (("rules",), "[{kind: above}]", "rules.0.limit (override): is required"),
    ],
)
def test_a_mistake_in_an_override_names_the_override_and_no_line(
    path: tuple[str, ...], value: str, mistake: str
) -> None:
    text = "name: shop\nserver: {port: 80}\nrules: [{kind: above, limit: 3}]"

    assert mistakes(text, {path: value}) == [mistake]


def test_a_mistake_beside_an_override_keeps_its_line() -> None:
    assert mistakes("name: shop\nmode: medium", {("server", "port"): "-1"}) == [
        "server.port (override): input should be greater than or equal to 0, got -1",
        "line 2: mode: input should be 'fast' or 'slow', got 'medium'",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "api_token: abc-inline",
        "server: {password: abc-inline}",
        "rules: [{kind: between, limit: 1, secret: abc-inline}]",
        "server: https://ada:abc-inline@shop.example/",
        "server: [{password: [abc-inline]}]",
    ],
)
def test_a_secret_that_stands_where_only_its_place_belongs_is_not_told(text: str) -> None:
    with pytest.raises(DocumentError) as raised:
        load_document(Shop, text, "shop.yaml")

    assert "abc-inline" not in str(raised.value)


def test_the_place_of_a_secret_is_told() -> None:
    with pytest.raises(DocumentError, match="/run/secrets/a"):
        load_document(Shop, "secret_file: /run/secrets/a", "shop.yaml")
