"""Delete old log files: of declared patterns, below a declared directory, older than the declared age."""

from __future__ import annotations

import contextlib
import fnmatch
import math
import os
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wellkept.agent.actions.base import Arguments, Result, done
from wellkept.agent.configuration import AgentConfiguration, LogDirectory
from wellkept.kernel.errors import ActionError, InputError

NAMES_SHOWN = 20
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True)
class _Old:
    folder: str
    """Relative to the directory that is cleared."""
    name: str
    status: os.stat_result

    @property
    def path(self) -> str:
        return os.path.normpath(os.path.join(self.folder, self.name))

    @property
    def bytes_freed(self) -> int:
        """Nothing comes back while another name (a hard link) holds the file."""
        return self.status.st_size if self.status.st_nlink == 1 else 0


def delete_old_logs(configuration: AgentConfiguration, arguments: Arguments) -> Result:
    """Arguments: ``directory``, ``pattern`` (without it: all declared), ``min_age_s``, ``keep_newest``, ``dry_run``.

    Links are resolved before the directory is compared with what is declared, and never followed below it; other
    filesystems mounted below it are left alone. Each file is looked at again and deleted through a descriptor of its
    own folder, reached from the declared directory one folder at a time, so that nothing can be swapped in between.

    Raises:
        InputError: an argument breaks a rule.
        ActionError: the directory cannot be opened, or nothing could be deleted.
    """
    given = str(arguments.get("directory", ""))
    if not given.startswith("/"):
        raise InputError("directory", "must be an absolute path", given)
    directory = os.path.realpath(given)
    declared = _declaration(configuration, directory)
    patterns = _patterns(declared, str(arguments.get("pattern") or ""))
    min_age_s = max(_number("min_age_s", arguments.get("min_age_s", 0)), declared.min_age_s)
    keep_newest = int(_number("keep_newest", arguments.get("keep_newest", 0)))
    is_dry = bool(arguments.get("dry_run"))
    root = _open(os.path.realpath(declared.path), directory)
    try:
        newest_first = sorted(_files(root, patterns), key=lambda file: -file.status.st_mtime)
        old = [file for file in newest_first[keep_newest:] if time.time() - file.status.st_mtime >= min_age_s]
        gone = old if is_dry else [file for file in old if _delete(file, root)]
    finally:
        os.close(root)
    if old and not gone:
        raise ActionError(f"none of {len(old)} old files below {directory} could be deleted", retry_helps=False)
    return _told(directory, gone, is_dry=is_dry, left=len(old) - len(gone))


def _told(directory: str, gone: Sequence[_Old], *, is_dry: bool, left: int) -> Result:
    freed = sum(file.bytes_freed for file in gone)
    files = f"{len(gone)} file{'' if len(gone) == 1 else 's'}"
    sentence = f"{'would delete' if is_dry else 'deleted'} {files} ({freed / 1e6:.1f} MB) below {directory}"
    if left:
        sentence += f"; {left} could not be deleted"
    names = [file.path for file in gone[:NAMES_SHOWN]]
    return done(sentence, changed=bool(gone) and not is_dry, files=len(gone), bytes=freed, names=names, left=left)


def _declaration(configuration: AgentConfiguration, directory: str) -> LogDirectory:
    """The declaration that covers a directory, the nearest one where one lies in another."""
    covering = []
    for declared in configuration.directories:
        root = os.path.realpath(declared.path)
        if directory == root or directory.startswith(root.rstrip("/") + "/"):
            covering.append((len(root), declared))
    if covering:
        return max(covering, key=lambda found: found[0])[1]
    allowed = ", ".join(declared.path for declared in configuration.directories) or "nothing"
    raise InputError("directory", f"must lie below a declared directory ({allowed})", directory)


def _patterns(declared: LogDirectory, pattern: str) -> tuple[str, ...]:
    if not pattern:
        return declared.patterns
    if pattern not in declared.patterns:
        raise InputError("pattern", f"must be one of {', '.join(declared.patterns)}", pattern)
    return (pattern,)


def _number(name: str, value: object) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(number := float(value)) or number < 0:  # type: ignore[arg-type]
        raise InputError(name, "must be a number, 0 or more", value)
    return number


def _open(declared: str, directory: str) -> int:
    """A descriptor of the directory, reached from the declared one without following any link."""
    try:
        return _descend(os.open(declared, _FOLDER), os.path.relpath(directory, declared))
    except OSError as error:
        raise ActionError(f"directory {directory} cannot be opened: {error.strerror}", retry_helps=False) from error


def _descend(descriptor: int, path: str) -> int:
    """A descriptor of a folder below another one, whose descriptor is closed on the way."""
    for part in path.split("/"):
        if part == ".":
            continue
        try:
            inner = os.open(part, _FOLDER, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = inner
    return descriptor


def _files(root: int, patterns: Sequence[str]) -> Iterator[_Old]:
    device = os.fstat(root).st_dev
    for folder, folders, names, descriptor in os.fwalk(".", dir_fd=root, follow_symlinks=False):
        if os.fstat(descriptor).st_dev != device:
            folders.clear()
            continue
        for name in names:
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns):
                with contextlib.suppress(FileNotFoundError):
                    status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                    if stat.S_ISREG(status.st_mode):
                        yield _Old(folder, name, status)


def _delete(file: _Old, root: int) -> bool:
    """Delete a file if its name still stands for the file that was looked at; False when it could not be."""
    try:
        folder = _descend(os.dup(root), os.path.normpath(file.folder))
    except OSError:
        return False
    try:
        now = os.stat(file.name, dir_fd=folder, follow_symlinks=False)
        if (now.st_dev, now.st_ino, now.st_mtime_ns) != (
            file.status.st_dev,
            file.status.st_ino,
            file.status.st_mtime_ns,
        ):
            return False
        os.unlink(file.name, dir_fd=folder)
    except OSError:
        return False
    finally:
        os.close(folder)
    return True
