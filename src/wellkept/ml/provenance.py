"""What a training depends on beside its data: the project's code, the libraries, and the platform's own code."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from wellkept.kernel.errors import TooLargeError

HERE = Path(__file__).parent
MOST_FILES, MOST_BYTES = 10_000, 2 << 30
GIT_S = 10.0
CHUNK = 1 << 20


def digest(*parts: object) -> str:
    """``sha256:`` and the digest of some JSON values: the key of a step that depends on them and on nothing else."""
    return f"sha256:{hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()}"


def project_digest(project: Path, without: frozenset[Path] = frozenset()) -> str:
    """The digest of every file of a project, by name and content (see :func:`project_files`)."""
    return digest(project_files(project, without))


def project_files(project: Path, without: frozenset[Path] = frozenset()) -> dict[str, str]:
    """The digest of each file of a project, by its name.

    Hidden files and ``__pycache__`` are left out, and ``without``: what a step is told of in another way, such as the
    history (the snapshot has its rows) and the contract. A link counts by where it leads to.

    Raises:
        TooLargeError: there are too many files, or too large ones, to be read each time.
    """
    found: dict[str, str] = {}
    size = 0
    for file in _files(project):
        if file in without:
            continue
        size += 0 if file.is_symlink() else file.stat().st_size
        if len(found) >= MOST_FILES or size > MOST_BYTES:
            rule = f"must hold at most {MOST_FILES} files of {MOST_BYTES >> 30} GiB together beside data.history"
            raise TooLargeError(f"model project {project}", rule)
        found[file.relative_to(project).as_posix()] = _content(file)
    return found


def code_of(project: Path, files: Mapping[str, str]) -> dict[str, str]:
    """Of a project's files those that are Python and no links: what its workers must find as it was."""
    return {name: one for name, one in files.items() if name.endswith(".py") and not (project / name).is_symlink()}


def changed_code(project: Path, code: Mapping[str, str]) -> str | None:
    """The first file that is not as it was, or not there any more; None where all are."""
    for name, content in code.items():
        file = project / name
        if not file.is_file() or _content(file) != content:
            return name
    return None


def commit_of(project: Path) -> str:
    """The commit that a project lies in and whether its files differ from it; empty outside of a Git repository."""
    head = _git(project, "rev-parse", "HEAD")
    if not head:
        return ""
    changed = _git(project, "status", "--porcelain", "--", ".")
    return f"{head} with changes" if changed or changed is None else head


def environment() -> dict[str, str]:
    """Python, the machine, and every installed library with its version; not what a library brings along itself."""
    places = [Path(path) for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    return dict(_installed(tuple((str(path), path.stat().st_mtime_ns) for path in places if path.is_dir())))


@functools.lru_cache(maxsize=4)
def _installed(places: tuple[tuple[str, int], ...]) -> dict[str, str]:
    """What is installed in some folders; whoever installs something changes the time of its folder."""
    libraries: dict[str, str] = {}
    for one in importlib.metadata.distributions(path=[path for path, _ in places]):
        name, version = one.metadata["Name"], one.version
        if name and version:
            libraries.setdefault(name.lower(), version)
    about = {"python": platform.python_version(), "platform": platform.platform(), "machine": platform.machine()}
    return about | dict(sorted(libraries.items()))


@functools.cache
def own_code(*stages: str) -> str:
    """The digest of our code of some stages, and of what they share: older code need not have done what it does now."""
    files = [*HERE.glob("*.py"), *(path for stage in stages for path in (HERE / stage).rglob("*.py"))]
    return digest({path.relative_to(HERE).as_posix(): _content(path) for path in sorted(files)})


def _files(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__pycache__")
        for name in sorted(names):
            path = Path(root) / name
            if not name.startswith(".") and (path.is_file() or path.is_symlink()):
                yield path


def _content(file: Path) -> str:
    if file.is_symlink():
        return f"link to {file.readlink()}"
    found = hashlib.sha256()
    with file.open("rb") as read:
        while chunk := read.read(CHUNK):
            found.update(chunk)
    return found.hexdigest()


def _git(project: Path, *words: str) -> str | None:
    """What Git says; None where there is no Git, no repository, or no answer in time."""
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(project), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=GIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
