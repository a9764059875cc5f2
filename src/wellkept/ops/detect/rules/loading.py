"""Rule documents from files and folders: told apart by what they say, and read again when they change."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import yaml

from wellkept.kernel.errors import DocumentError, NotFoundError, Problem
from wellkept.ops.detect.rules.base import Group
from wellkept.ops.detect.rules.own import load_own
from wellkept.ops.detect.rules.prometheus import RESOURCE, load_prometheus, load_resource
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

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What is not as it was meant, though nothing is wrong."""
        return tuple(warning for group in self.groups for rule in group.rules for warning in rule.warnings)


def load_text(text: str, source: str) -> Loaded:
    """What a rule document holds, in YAML or JSON: a rule file of Prometheus, one of ours, or documents of OpenSLO and
    PrometheusRule resources of Kubernetes.

    Raises:
        DocumentError: every mistake, with line, field, rule and value.
    """
    if len(text) > LARGEST:
        raise DocumentError(source, (Problem(0, "document", f"must be at most {LARGEST} characters", len(text)),))
    parts = [part for part in _documents(text.removeprefix("\ufeff")) if _SAYS_SOMETHING.search(part[0])]
    told = [(part, *_named(part), line) for part, line in parts]
    keys = {key for _, found, _, _ in told for key in found}
    if "apiVersion" in keys:
        return _resources([(part, kind, line) for part, _, kind, line in told], source)
    if len(parts) > 1:
        rule = "must be one document; only OpenSLO and PrometheusRule have several"
        raise DocumentError(source, (Problem(parts[1][1], "document", rule),))
    if "groups" in keys:
        return Loaded(groups=tuple(load_prometheus(parts[0][0], source)))
    if not keys & {"rules", "slos"}:
        rule = "must have groups (Prometheus), rules or slos (ours), or apiVersion (OpenSLO, PrometheusRule)"
        raise DocumentError(source, (Problem(1, "document", rule),))
    groups, slos = load_own(parts[0][0], source)
    return Loaded(tuple(groups), tuple(slos))


def _resources(parts: Sequence[tuple[str, str, int]], source: str) -> Loaded:
    """What documents with a kind hold: (text, kind, line) each."""
    slos = load_openslo([part for part in parts if part[1] != RESOURCE], source)
    groups: dict[str, Group] = {}
    for text, kind, line in parts:
        for group in load_resource(text, source) if kind == RESOURCE else ():
            if group.name in groups:
                rule = f"must have groups of different names in one file; {group.name} is there already"
                raise DocumentError(source, (Problem(line, "spec.groups", rule),))
            groups[group.name] = group
    return Loaded(tuple(groups.values()), tuple(slos))


def _named(part: str) -> tuple[set[str], str]:
    """The keys of a document, and its kind. Those of a flow mapping, which JSON is, need a look at its structure."""
    lines = (line.strip() for line in part.splitlines())
    if not next((line for line in lines if line and not line.startswith("#")), "").startswith("{"):
        found = _KIND.search(part)
        return set(_TOP.findall(part)), found.group(1) if found else ""
    try:
        node = yaml.compose(part, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return {"rules"}, ""  # whoever reads it says where it is broken
    fields = node.value if isinstance(node, yaml.MappingNode) else []
    values = {str(key.value): value.value for key, value in fields}
    return set(values), str(values.get("kind", ""))


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
