"""Files of sources: found inside the project or the folders that the settings name, and told apart by their digests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from wellkept.kernel.errors import InputError
from wellkept.ml.data.base import Access
from wellkept.ml.dataspec import Data

_INSIDE = "must lie in the project's folder, or in one that the setting ml.data.folders names"
_WILD = "*?["


def files_of(access: Access, source: str, pattern: str) -> list[Path]:
    """The files of a path or a pattern, sorted. Links are followed, and must not lead out.

    Raises:
        InputError: there is none, or one lies elsewhere.
    """
    where = f"source {source}: path"
    given, project = Path(pattern), access.project.resolve()
    roots = [root.resolve() for root in (project, *access.folders)]
    if ".." in given.parts or "\0" in pattern:
        raise InputError(where, "must not lead upwards by ..", pattern)
    start = _before_wildcards(given if given.is_absolute() else project / given)
    if not any(_lies_in(start.resolve(), root) for root in roots):
        raise InputError(where, _INSIDE, pattern)
    rest = (given if given.is_absolute() else project / given).relative_to(start).as_posix()
    found = sorted(file for file in ([start] if rest == "." else start.glob(rest)) if file.is_file())
    if not found:
        raise InputError(where, "must be a file that is there, or a pattern of such files", pattern)
    for file in found:
        if not any(_lies_in(file.resolve(), root) for root in roots):
            raise InputError(where, f"{_INSIDE}; this link leads out", str(file))
    return found


def files_in(project: Path, data: Data) -> frozenset[Path]:
    """The files inside a project that its sources read: a snapshot has their rows, and a manifest their digests."""
    found: set[Path] = set()
    for source in data.sources.values():
        pattern = (source.model_extra or {}).get("path")
        if isinstance(pattern, str) and not Path(pattern).is_absolute() and ".." not in Path(pattern).parts:
            found |= set(project.glob(pattern))
    return frozenset(found)


def digests(access: Access, files: Iterable[Path]) -> dict[str, str]:
    """The SHA-256 of each file, by its name as seen from the project."""
    project = access.project.resolve()
    return {
        file.relative_to(project).as_posix() if project in file.parents else str(file): _digest(file) for file in files
    }


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return f"sha256:{hashlib.file_digest(opened, 'sha256').hexdigest()}"


def _before_wildcards(pattern: Path) -> Path:
    kept: list[str] = []
    for part in pattern.parts:
        if any(sign in part for sign in _WILD):
            break
        kept.append(part)
    return Path(*kept)


def _lies_in(path: Path, root: Path) -> bool:
    return path == root or root in path.parents
