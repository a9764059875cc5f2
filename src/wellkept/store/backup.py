"""Copies of a data folder while a server works on it, and the way back.

What SQLite keeps is copied by SQLite itself, as of one moment. A part of a table of the telemetry engine is never
changed once it is there, so it is linked, which takes neither time nor room on the same disk; one that is merged away
meanwhile stays for minutes beside the part that replaces it. State goes first: what it speaks of is in what is copied
after it. So a copy is what a power cut at its moment would have left, and a server starts on it as after one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from wellkept.kernel.errors import ConflictError, InputError, StoreError

FORMAT = 1
HEAD, FILES = "backup.json", "files.json"
CONTENT = "data"
OWN = "backups"
"""Where copies go inside the data folder."""
RESTORING = "restoring"
"""A file of this name is in a data folder until all that was to be restored is there."""
_UNFINISHED = ".????-??-??T??-??-??Z.partial"
_OF_A_RUN = frozenset({"lock", "server.pid", "address", "logs", OWN})
"""What lies at the top of a data folder and is of the server that runs there, or is a copy itself."""
_WRITTEN_ONCE = "artifacts/"
"""Below it every file is named by its content."""
_SIGN_OF_A_PART = "checksums.txt"
_CHANGED_IN_A_PART = frozenset({"txn_version.txt"})
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy. ``linked_bytes`` of its ``bytes`` are shared with the folder it is of, until that one lets go of them.

    ``has_state`` is false where the state is in a database elsewhere, which has backups of its own.
    """

    path: Path
    made_at: datetime
    version: str
    files: int
    bytes: int
    linked_bytes: int
    has_state: bool


@dataclass(slots=True)
class _Copied:
    """What has been copied so far: path to size and digest (empty for what is linked), and links."""

    files: dict[str, tuple[int, str]] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    linked_bytes: int = 0


def placed(data: Path, folder: Path) -> Path:
    """The folder for copies of a data folder, where it is not one that the next copy would copy, too.

    Raises:
        InputError: it is.
    """
    data, folder = data.resolve(), folder.resolve()
    if folder.is_relative_to(data) and not folder.is_relative_to(data / OWN):
        rule = f"must not be in the data folder, except in `{OWN}` there: each backup would hold those before it"
        raise InputError("backup.folder", rule, str(folder))
    return folder


def back_up(data: Path, folder: Path, made_at: datetime, version: str) -> Backup:
    """Copy a data folder into a new one below ``folder``, which may be on another disk. The server may work meanwhile.

    Raises:
        ConflictError: the folder has one of this second.
        StoreError: it could not be written; nothing of it is left.
    """
    target = folder / made_at.strftime("%Y-%m-%dT%H-%M-%SZ")
    partial = folder / f".{target.name}.partial"
    if target.exists():
        raise ConflictError(f"backup {target}", "is there already, of this second; try again in the next one")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for unfinished in folder.glob(_UNFINISHED):
            shutil.rmtree(unfinished, ignore_errors=True)
        content = partial / CONTENT
        content.mkdir(parents=True)
        partial.chmod(stat.S_IRWXU)
        copied = _Copied()
        _databases(data, content, copied)
        _link_parts(data / "telemetry", content / "telemetry", content, copied)
        _rest(data, content, copied)
        backup = Backup(
            target,
            made_at,
            version,
            len(copied.files),
            sum(size for size, _ in copied.files.values()),
            copied.linked_bytes,
            has_state="state/state.sqlite" in copied.files,
        )
        os.sync()
        _write(partial / FILES, {"files": copied.files, "links": copied.links})
        _write(partial / HEAD, _head(backup))
        partial.rename(target)
    except (OSError, sqlite3.Error) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise StoreError(f"backup {target}: {error}") from error
    return backup


def backups(folder: Path) -> list[Backup]:
    """The backups in a folder, newest first."""
    found = []
    for head in folder.glob(f"*/{HEAD}"):
        with contextlib.suppress(InputError):
            found.append(read_head(head.parent))
    return sorted(found, key=lambda backup: backup.made_at, reverse=True)


def forget(folder: Path, keep: int, made: Backup) -> list[Backup]:
    """Remove all but the newest backups and the one just made, whatever the clock said; returns what is gone."""
    old = [backup for backup in backups(folder)[keep:] if backup.path != made.path]
    for backup in old:
        shutil.rmtree(backup.path, ignore_errors=True)
    return old


def let_go_of_oldest(data: Path, folder: Path) -> Backup | None:
    """Remove the oldest backup that takes room of the data folder's own disk; None where there is none.

    What telemetry lets go of frees nothing while a backup links it.
    """
    if not folder.is_dir() or folder.stat().st_dev != data.stat().st_dev:
        return None
    oldest = next(reversed(backups(folder)), None)
    if oldest is not None:
        shutil.rmtree(oldest.path, ignore_errors=True)
    return oldest


def read_head(path: Path) -> Backup:
    """What a backup is.

    Raises:
        InputError: it is none, or one of a later version.
    """
    try:
        told: dict[str, Any] = json.loads((path / HEAD).read_bytes())
        if told["format"] != FORMAT:
            raise InputError(f"backup {path}", f"must be of format {FORMAT}; a later Wellkept wrote it", told["format"])
        return Backup(
            path,
            datetime.fromisoformat(told["made_at"]),
            str(told["version"]),
            int(told["files"]),
            int(told["bytes"]),
            int(told["linked_bytes"]),
            bool(told["has_state"]),
        )
    except FileNotFoundError as error:
        raise InputError(f"backup {path}", f"has no {HEAD}: it is no backup, or one that was not finished") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"backup {path}", f"cannot be read: {HEAD} is damaged") from error


def restore(path: Path, data: Path) -> Backup:
    """Make a data folder from a backup, after a look whether the backup is whole.

    Raises:
        InputError: it is no backup, or not whole.
        ConflictError: the folder holds something.
        StoreError: it cannot be written; nothing of it is left.
    """
    backup, whole = read_head(path), _checked(path)
    try:
        if data.exists() and any(data.iterdir()):
            raise ConflictError(f"folder {data}", "holds data already; move it away, or name another one with --data")
        data.mkdir(parents=True, exist_ok=True)
        data.chmod(stat.S_IRWXU)
        (data / RESTORING).touch()
    except OSError as error:
        raise StoreError(f"data folder {data}: {error}") from error
    try:
        for name in whole["files"]:
            (data / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path / CONTENT / name, data / name)
        for name, target in whole["links"].items():
            (data / name).parent.mkdir(parents=True, exist_ok=True)
            (data / name).symlink_to(target)
        for folder in whole["folders"]:
            (data / folder).mkdir(parents=True, exist_ok=True)
        os.sync()
        (data / RESTORING).unlink()
    except OSError as error:
        for entry in data.iterdir():
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        raise StoreError(f"data folder {data}: {error}") from error
    return backup


def _checked(path: Path) -> Mapping[str, Any]:
    """The list of files of a backup, all of which are there as they were written.

    Raises:
        InputError: they are not; it names some.
    """
    try:
        told: dict[str, Any] = json.loads((path / FILES).read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"backup {path}", f"is not whole: {FILES} cannot be read") from error
    content = path / CONTENT
    wrong = [name for name, (size, digest) in told["files"].items() if not _is_as_written(content / name, size, digest)]
    wrong += [name for name, target in told["links"].items() if not _is_link(content / name, target)]
    if wrong:
        more = f" and {len(wrong) - _MOST_NAMED} more" if len(wrong) > _MOST_NAMED else ""
        raise InputError(f"backup {path}", f"is not whole: {', '.join(wrong[:_MOST_NAMED])}{more} missing or changed")
    folders = [str(one.relative_to(content)) for one in content.rglob("*") if one.is_dir() and not one.is_symlink()]
    return {**told, "folders": folders}


def _is_as_written(path: Path, size: int, digest: str) -> bool:
    return path.is_file() and path.stat().st_size == size and (not digest or _digest(path) == digest)


def _is_link(path: Path, target: str) -> bool:
    return path.is_symlink() and str(path.readlink()) == target


def _databases(data: Path, content: Path, copied: _Copied) -> None:
    """Copy what SQLite keeps. Runs before state: what a run has done is in the state that is copied after it."""
    for source in sorted(_walk(data), key=lambda path: (path.parent.name == "state", path)):
        if source.suffix != ".sqlite":
            continue
        name = str(source.relative_to(data))
        target = content / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            contextlib.closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as reader,
            contextlib.closing(sqlite3.connect(target)) as writer,
        ):
            reader.backup(writer)
        target.chmod(stat.S_IMODE(source.stat().st_mode))
        copied.files[name] = target.stat().st_size, _digest(target)


def _link_parts(source: Path, target: Path, content: Path, copied: _Copied) -> None:
    """Link the parts of tables in a folder of the engine, and copy what else there is."""
    try:
        entries = sorted(os.scandir(source), key=lambda entry: entry.name)
    except FileNotFoundError:
        return  # a part that has gone since its table was listed
    target.mkdir(parents=True, exist_ok=True)
    is_part = any(entry.name == _SIGN_OF_A_PART for entry in entries)
    try:
        for entry in entries:
            path, into = Path(entry.path), target / entry.name
            name = str(into.relative_to(content))
            if entry.is_symlink():
                into.symlink_to(path.readlink())
                copied.links[name] = str(path.readlink())
            elif entry.is_dir():
                if not entry.name.startswith(("tmp", "delete_tmp")):
                    _link_parts(path, into, content, copied)
            elif is_part and entry.name not in _CHANGED_IN_A_PART:
                copied.files[name] = _linked(path, into, copied), ""
            else:
                copied.files[name] = _copied(path, into)
    except FileNotFoundError:
        if not is_part:
            raise
        # It was let go of while it was linked: it is no part of the table any more.
        shutil.rmtree(target, ignore_errors=True)
        gone = str(target.relative_to(content)) + "/"
        copied.files = {name: file for name, file in copied.files.items() if not name.startswith(gone)}


def _rest(data: Path, content: Path, copied: _Copied) -> None:
    """Copy what is neither a database nor of the engine; a file that has gone meanwhile is no part of the copy."""
    for source in _walk(data):
        name = str(source.relative_to(data))
        if source.name.endswith((".sqlite", ".sqlite-wal", ".sqlite-shm", ".partial")):
            continue
        target = content / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            if source.is_symlink():
                target.symlink_to(source.readlink())
                copied.links[name] = str(source.readlink())
            elif name.startswith(_WRITTEN_ONCE):
                copied.files[name] = _linked(source, target, copied), ""
            else:
                copied.files[name] = _copied(source, target)


def _walk(data: Path) -> Iterator[Path]:
    """The files and links of a data folder but those of a running server, and of the engine."""
    for entry in sorted(data.iterdir()):
        if entry.name in _OF_A_RUN or entry.name == "telemetry":
            continue
        if entry.is_dir() and not entry.is_symlink():
            yield from (path for path in sorted(entry.rglob("*")) if path.is_symlink() or path.is_file())
        elif entry.is_file():
            yield entry


def _linked(source: Path, target: Path, copied: _Copied) -> int:
    """Link a file that nobody will change, or copy it to another disk; its size."""
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copy2(source, target)
        return target.stat().st_size
    size = target.stat().st_size
    copied.linked_bytes += size
    return size


def _copied(source: Path, target: Path) -> tuple[int, str]:
    shutil.copy2(source, target)
    return target.stat().st_size, _digest(target)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _head(backup: Backup) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "made_at": backup.made_at.isoformat(),
        "version": backup.version,
        "files": backup.files,
        "bytes": backup.bytes,
        "linked_bytes": backup.linked_bytes,
        "has_state": backup.has_state,
    }


def _write(path: Path, document: Mapping[str, Any]) -> None:
    """Write a document, and have the disk take it before anybody is told of the backup."""
    with path.open("w", encoding="utf-8") as file:
        json.dump(document, file)
        file.flush()
        os.fsync(file.fileno())
