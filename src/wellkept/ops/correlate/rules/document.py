"""Grouping rules as people write them: in files of the configuration, over the API, in the form of the page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from wellkept.kernel.errors import DocumentError, InputError, NotFoundError, Problem
from wellkept.kernel.grouping import GroupRule, Require, StoredRule
from wellkept.kernel.matching import Matcher
from wellkept.ops.correlate.noise.settings import MatcherText
from wellkept.spine.documents import load_document, read_document
from wellkept.spine.grouping import check_rule

SUFFIXES = (".yaml", ".yml")
BY_FILE = "configuration"


class Part(BaseModel):
    """A key that nobody knows is a mistake, not a wish."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Requirement(Part):
    """How much there has to be in a group before it is told."""

    findings: Annotated[int, Field(ge=0, le=100_000)] = 0
    kinds: Annotated[int, Field(ge=0, le=100_000)] = 0
    entities: Annotated[int, Field(ge=0, le=100_000)] = 0
    share: Annotated[float, Field(ge=0, le=1)] = 0.0


class RuleText(Part):
    """One grouping rule."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")]
    match: Annotated[tuple[MatcherText, ...], Field(min_length=1, max_length=50)]
    by: Annotated[tuple[str, ...], Field(max_length=20)] = ()
    window_s: Annotated[float, Field(ge=1, le=604_800)] = 600.0
    require: Requirement = Requirement()
    against: Annotated[tuple[MatcherText, ...], Field(max_length=50)] = ()
    comment: Annotated[str, Field(max_length=1000)] = ""

    @model_validator(mode="after")
    def _is_a_rule(self) -> Self:
        check_rule(self.rule())
        return self

    def rule(self) -> GroupRule:
        """The rule that it says."""
        require = Require(**self.require.model_dump())
        match, against = (tuple(map(Matcher.of, texts)) for texts in (self.match, self.against))
        return GroupRule(self.name, match, self.by, self.window_s, require, against, self.comment)


class RuleDocument(Part):
    """A file of grouping rules."""

    groupings: tuple[RuleText, ...] = ()


def load_rules(text: str, source: str) -> tuple[GroupRule, ...]:
    """The rules of a document.

    Raises:
        DocumentError: every mistake, with line, field, rule and value.
    """
    return _unique(load_document(RuleDocument, text, source), source)


def read_rules(file: Path) -> tuple[GroupRule, ...]:
    """The rules of a file.

    Raises:
        NotFoundError: it is not there.
        DocumentError: every mistake, with line, field, rule and value.
    """
    if not file.is_file():
        raise NotFoundError(f"file of grouping rules {file}", "is not there")
    return _unique(read_document(RuleDocument, file), str(file))


def text_of(rule: GroupRule) -> dict[str, object]:
    """A rule as the value that :class:`RuleText` reads; what is as usual is left out."""
    require = {
        name: value for name in ("findings", "kinds", "entities", "share") if (value := getattr(rule.require, name))
    }
    told: dict[str, object] = {
        "name": rule.name,
        "match": [str(matcher) for matcher in rule.match],
        "by": list(rule.by),
        "window_s": rule.window_s,
        "require": require,
        "against": [str(matcher) for matcher in rule.against],
        "comment": rule.comment,
    }
    return {name: value for name, value in told.items() if value}


class RuleFiles:
    """The files and folders of a configuration, read again when they change. A file with mistakes counts as before."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = tuple(paths)
        self._seen: dict[Path, tuple[int, int]] = {}
        self._rules: dict[Path, tuple[GroupRule, ...]] = {}
        self.mistakes: dict[str, str] = {}

    def refresh(self) -> bool:
        """Look for changes; whether there was one."""
        found = {file: _mark(file) for path in self._paths for file in _files(path)}
        if found == self._seen:
            return False
        self.mistakes = {name: said for name, said in self.mistakes.items() if Path(name) in found}
        self._rules = {file: rules for file, rules in self._rules.items() if file in found}
        for file, mark in found.items():
            if mark != self._seen.get(file):
                self._read(file)
        self._seen = found
        return True

    def stored(self, now: datetime) -> list[StoredRule]:
        """The rules of all files; of two with one name the one of the first file."""
        named: dict[str, StoredRule] = {}
        for file in sorted(self._rules):
            for rule in self._rules[file]:
                named.setdefault(rule.name, StoredRule(rule, 0, BY_FILE, now, str(file)))
        return list(named.values())

    def _read(self, file: Path) -> None:
        self.mistakes.pop(str(file), None)
        try:
            self._rules[file] = read_rules(file)
        except InputError as error:
            self.mistakes[str(file)] = str(error)


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(one for one in path.rglob("*") if one.suffix in SUFFIXES and not one.name.startswith("."))
    return [path]


def _mark(file: Path) -> tuple[int, int]:
    try:
        status = file.stat()
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)


def _unique(document: RuleDocument, source: str) -> tuple[GroupRule, ...]:
    names = [one.name for one in document.groupings]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        problems = tuple(Problem(0, "groupings", "must have names that are unique", name) for name in twice)
        raise DocumentError(source, problems)
    return tuple(one.rule() for one in document.groupings)
