"""Rule documents from files and folders: told apart by what they say, and read again when they change."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from wellkept.kernel.errors import DocumentError, NotFoundError, Problem
from wellkept.ops.detect.rules.base import Group
from wellkept.ops.detect.rules.own import load_own
from wellkept.ops.detect.rules.prometheus import load_prometheus
from wellkept.ops.detect.rules.slo.base import Slo
from wellkept.ops.detect.rules.slo.openslo import load_openslo

ENDINGS = (".yaml", ".yml")
LARGEST = 4 << 20
_TOP = re.compile(r"^[\"']?([A-Za-z_]\w*)[\"']?\s*:", re.MULTILINE)
_SAYS_SOMETHING = re.compile(r"^\s*[^#\s]", re.MULTILINE)
_KIND = re.compile(r"^kind\s*:\s*[\"']?(\w+)", re.MULTILINE)
_BREAK = re.compile(r"^---[^\n]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Groups and objectives."""

    groups: tuple[Group, ...] = ()
    slos: tuple[Slo, ...] = ()

    @property
    def rules(self) -> int:
        return sum(len(group.rules) for group in self.groups)


def load_text(text: str, source: str) -> Loaded:
    """What a rule document holds: a rule file of Prometheus, one of ours, or documents of OpenSLO.

    Raises:
        DocumentError: every mistake, with line, field, rule and value.
    """
    if len(text) > LARGEST:
        raise DocumentError(source, (Problem(0, "document", f"must be at most {LARGEST} characters", len(text)),))
    parts = [part for part in _documents(text.removeprefix("\ufeff")) if _SAYS_SOMETHING.search(part[0])]
    keys = {key for part, _ in parts for key in _TOP.findall(part)}
    if "apiVersion" in keys:
        told = [(part, found.group(1) if (found := _KIND.search(part)) else "", line) for part, line in parts]
        return Loaded(slos=tuple(load_openslo(told, source)))
    if len(parts) > 1:
        raise DocumentError(
            source, (Problem(parts[1][1], "document", "must be one document; only OpenSLO has several"),)
        )
    if "groups" in keys:
        return Loaded(groups=tuple(load_prometheus(parts[0][0], source)))
    if not keys & {"rules", "slos"}:
        rule = "must have groups (Prometheus), rules or slos (ours), or apiVersion: openslo/v1"
        raise DocumentError(source, (Problem(1, "document", rule),))
    groups, slos = load_own(parts[0][0], source)
    return Loaded(tuple(groups), tuple(slos))


def load_file(file: Path) -> Loaded:
    """What a file holds.

    Raises:
        NotFoundError: it is not there, or cannot be read.
        DocumentError: every mistake, with line, field, rule and value.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        problem = Problem(0, "document", f"is not YAML: byte {error.start} is not UTF-8")
        raise DocumentError(str(file), (problem,)) from error
    except OSError as error:
        raise NotFoundError(f"rule file {file}", f"cannot be read: {error.strerror}") from error
    return load_text(text, str(file))


def files_of(paths: Sequence[Path]) -> list[Path]:
    """The rule files of files and folders, in the order of their names within a folder.

    What is hidden is left out: the copies of editors, and those that Kubernetes keeps of a mounted ConfigMap.
    """
    found: list[Path] = []
    for path in paths:
        found += sorted(_below(path)) if _is(path, stat.S_ISDIR) else [path]
    return list(dict.fromkeys(found))


def _below(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        files = [Path(place) / name for name in names if name.endswith(ENDINGS) and not name.startswith(".")]
        yield from (file for file in files if _is(file, stat.S_ISREG))


def _is(path: Path, kind: Callable[[int], bool]) -> bool:
    """Whether it is of a kind; what cannot be looked at is of none, and is told when it is read."""
    try:
        return kind(path.stat().st_mode)
    except OSError:
        return False


@dataclass(slots=True)
class RuleFiles:
    """Files that are read again when they change. One with mistakes keeps what it held before; the mistakes are told.

    ``mistakes``: what is wrong with a file, by its name. ``loaded``: what counts.
    """

    paths: Sequence[Path]
    mistakes: dict[str, str] = field(default_factory=dict)
    _seen: dict[Path, tuple[int, int]] = field(default_factory=dict)
    _good: dict[Path, Loaded] = field(default_factory=dict)

    @property
    def loaded(self) -> Loaded:
        held = list(self._good.values())
        groups = {group.key: group for loaded in held for group in loaded.groups}
        slos = {slo.name: slo for loaded in held for slo in loaded.slos}
        return Loaded(tuple(groups.values()), tuple(slos.values()))

    def refresh(self) -> bool:
        """Look for changes; whether anything did change."""
        files = files_of(self.paths)
        changed = False
        for file in [file for file in self._seen if file not in files]:
            del self._seen[file]
            self._good.pop(file, None)
            self.mistakes.pop(str(file), None)
            changed = True
        for file in files:
            mark = _mark(file)
            if self._seen.get(file) != mark:
                self._seen[file] = mark
                self._load(file)
                changed = True
        return changed

    def _load(self, file: Path) -> None:
        try:
            loaded = load_file(file)
            self._check_names(file, loaded)
        except (DocumentError, NotFoundError) as error:
            self.mistakes[str(file)] = str(error)
        else:
            self._good[file] = loaded
            self.mistakes.pop(str(file), None)

    def _check_names(self, file: Path, loaded: Loaded) -> None:
        """Objectives are known by their names alone, whichever file they are in."""
        others = {slo.name: where for where, held in self._good.items() if where != file for slo in held.slos}
        problems = [
            Problem(slo.line, "slos", f"must have another name; {slo.name} is in {others[slo.name]} already")
            for slo in loaded.slos
            if slo.name in others
        ]
        if problems:
            raise DocumentError(str(file), tuple(problems))


def _mark(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except OSError:
        return (0, -1)
    return found.st_mtime_ns, found.st_size


def _documents(text: str) -> list[tuple[str, int]]:
    """The documents of a text, each with as many empty lines before it as there are lines above, and its first line."""
    bounds = [(0, 0), *((found.start(), found.end()) for found in _BREAK.finditer(text)), (len(text), len(text))]
    parts = []
    for (_, begin), (end, _) in pairwise(bounds):
        above = text.count("\n", 0, begin)
        body = text[begin:end]
        parts.append(("\n" * above + body, above + 1 + (len(body) - len(body.lstrip("\n")))))
    return parts
