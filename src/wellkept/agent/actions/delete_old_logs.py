"""Delete old log files: of declared patterns, below a declared directory, older than the declared age."""

from __future__ import annotations

import fnmatch
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass

from wellkept.agent.actions.base import Arguments, Result, done
from wellkept.agent.configuration import AgentConfiguration, LogDirectory
from wellkept.kernel.errors import InputError

NAMES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class _Old:
    folder: str
    name: str
    size: int
    modified: float


def delete_old_logs(configuration: AgentConfiguration, arguments: Arguments) -> Result:
    """Arguments: ``directory``, ``pattern``, ``min_age_s``, ``keep_newest``, ``dry_run``.

    Links are resolved before the directory is compared, and never followed below it; each file is looked at and
    deleted through its folder's own descriptor, so that nothing can be swapped in between.
    """
    directory = os.path.realpath(str(arguments.get("directory", "")))
    declared = _declaration(configuration, directory)
    pattern = str(arguments.get("pattern") or declared.patterns[0])
    if pattern not in declared.patterns:
        raise InputError("pattern", f"must be one of {', '.join(declared.patterns)}", pattern)
    min_age_s = max(float(arguments.get("min_age_s", 0)), declared.min_age_s)
    newest_first = sorted(_files(directory, pattern), key=lambda file: -file.modified)
    old = [
        file
        for file in newest_first[int(arguments.get("keep_newest", 0)) :]
        if time.time() - file.modified >= min_age_s
    ]
    is_dry = bool(arguments.get("dry_run"))
    deleted = old if is_dry else [file for file in old if _delete(file, directory)]
    freed = sum(file.size for file in deleted)
    names = [os.path.relpath(os.path.join(file.folder, file.name), directory) for file in deleted[:NAMES_SHOWN]]
    verb = "would delete" if is_dry else "deleted"
    sentence = f"{verb} {len(deleted)} files ({freed / 1e6:.1f} MB) below {directory}"
    return done(sentence, changed=bool(deleted) and not is_dry, files=len(deleted), bytes=freed, names=names)


def _declaration(configuration: AgentConfiguration, directory: str) -> LogDirectory:
    for declared in configuration.directories:
        root = os.path.realpath(declared.path)
        if directory == root or directory.startswith(root.rstrip("/") + "/"):
            return declared
    allowed = ", ".join(declared.path for declared in configuration.directories) or "nothing"
    raise InputError("directory", f"must lie below a declared directory ({allowed})", directory)


def _files(directory: str, pattern: str) -> Iterator[_Old]:
    for folder, _, names, descriptor in os.fwalk(directory, follow_symlinks=False):
        for name in names:
            if fnmatch.fnmatchcase(name, pattern):
                status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    yield _Old(folder, name, status.st_size, status.st_mtime)


def _delete(file: _Old, root: str) -> bool:
    """Delete a file through a descriptor of its folder, reached from the root without following any link."""
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in os.path.relpath(file.folder, root).split("/"):
            if part != ".":
                inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
        os.unlink(file.name, dir_fd=descriptor)
    except FileNotFoundError:
        return False
    finally:
        os.close(descriptor)
    return True
