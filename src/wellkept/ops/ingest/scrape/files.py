"""Files of targets: lists of groups, as for ``file_sd_configs`` of Prometheus. They are read again when they change."""

from __future__ import annotations

import glob
import re
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from wellkept.kernel.errors import DocumentError, InputError
from wellkept.ops.ingest.scrape.job import Group, Job
from wellkept.ops.ingest.scrape.targets import Targets, targets_of, united
from wellkept.spine.documents import load_document

_LARGEST = 16 << 20
_START = re.compile(r"\A((?:[ \t]*(?:#[^\n]*)?\n)*)---[ \t]*(?=\n|\Z)")
"""What many YAML files begin with: nothing may stand before it but comments."""

Stamp = tuple[int, int, int]


class _Groups(BaseModel):
    """A file of targets under a key: a document is a mapping, and such a file is a list."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    groups: tuple[Group, ...] | None


class TargetFiles:
    """The files of one job. A file that cannot be read keeps the targets that it had, and its mistakes are told."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._stamps: dict[Path, Stamp | None] = {}
        self._found: dict[Path, Targets] = {}
        self.mistakes: dict[str, str] = {}

    def look(self) -> None:
        """Read what is new or has changed, and forget what is gone."""
        present = _present(self._job.files)
        for path in [path for path in self._stamps if path not in present]:
            del self._stamps[path]
            self._found.pop(path, None)
        self.mistakes = {name: why for name, why in self.mistakes.items() if Path(name) in present}
        for name in self._job.files:
            if not glob.has_magic(name) and Path(name) not in present:
                self.mistakes[name] = "is not a file"
        for path, stamp in present.items():
            if path not in self._stamps or self._stamps[path] != stamp:
                self._stamps[path] = stamp
                self._read(path)

    def targets(self) -> Targets:
        """The targets of all files. Where two files say different things of one target, the first one counts."""
        found: Targets = {}
        for path in sorted(self._found):
            for key, target in self._found[path].items():
                found.setdefault(key, target)
        return found

    def _read(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                content = file.read(_LARGEST + 1)
            if len(content) > _LARGEST:
                raise InputError(str(path), f"must be at most {_LARGEST} bytes")
            self._found[path] = united(targets_of(self._job, groups_of(content, str(path))), str(path))
        except OSError as error:
            self.mistakes[str(path)] = f"cannot be read: {error.strerror}"
        except InputError as error:
            self.mistakes[str(path)] = str(error)
        else:
            self.mistakes.pop(str(path), None)


def groups_of(content: bytes, source: str) -> tuple[Group, ...]:
    """The groups that a file lists, in YAML or JSON.

    Raises:
        InputError: every mistake, with its line.
    """
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise InputError(source, f"is not UTF-8: byte {error.start}") from None
    items = textwrap.indent(_START.sub(r"\1", text), " ")
    try:
        return load_document(_Groups, f"groups:\n{items}", source).groups or ()
    except DocumentError as error:
        # The line that was put before the file is not the file's.
        problems = (replace(problem, line=max(problem.line - 1, 0)) for problem in error.problems)
        raise DocumentError(source, tuple(problems)) from error


def _present(names: Sequence[str]) -> dict[Path, Stamp]:
    """The files that there are, and what tells whether they have changed."""
    found: dict[Path, Stamp] = {}
    for name in names:
        for path in map(Path, sorted(glob.glob(name)) if glob.has_magic(name) else [name]):
            try:
                told = path.stat()
            except OSError:
                continue
            if path.is_file():
                found[path] = (told.st_mtime_ns, told.st_size, told.st_ino)
    return found
