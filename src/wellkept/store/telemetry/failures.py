"""The engine's errors as ours: its code, its name for it, and what the operating system said of files.

Never its whole message, which may quote rows.
"""

from __future__ import annotations

import re
from pathlib import Path

from wellkept.kernel.errors import OverloadError, StoreError

_TOO_MANY_PARTS, _MEMORY_LIMIT, _TOO_SLOW, _TOO_MANY_ROWS = 252, 241, 159, 396
_OF_QUERY = "Query memory limit"
_NO_SPACE = 243
_UNWRITTEN = frozenset(
    {
        75,  # CANNOT_WRITE_TO_FILE_DESCRIPTOR
        76,  # CANNOT_OPEN_FILE
        1001,  # STD_EXCEPTION: of the file system, for one
    }
)
"""These come of a full disk as well as of others: then the error of the operating system is named."""
_FULL = re.compile(r"errno: (?:28|122)\b|No space left on device|Disk quota exceeded")
_UNDECODABLE = frozenset(
    {
        3,  # UNEXPECTED_END_OF_FILE
        32,  # ATTEMPT_TO_READ_AFTER_EOF
        33,  # CANNOT_READ_ALL_DATA
        131,  # TOO_LARGE_STRING_SIZE
        436,  # PROTOBUF_BAD_CAST
        444,  # UNKNOWN_PROTOBUF_FORMAT
        638,  # SNAPPY_UNCOMPRESS_FAILED
    }
)
_THROWN = 395
_OF_BODIES = frozenset({"insert", "decode"})
_CODE = re.compile(r"Code: (\d+)")
_NAME = re.compile(r"\(([A-Z][A-Z0-9_]+)\)\s*(?:\(version .*)?\Z")
_OF_FILES = re.compile(r"filesystem error: in \w+: [A-Za-z' /]+[a-z]|errno: \d+, strerror: [A-Za-z' /]+[a-z]")
_THROWN_AS = re.compile(r"DB::Exception: (?:std::(?:\w+::)*)(\w+)")
_PARTITIONS = "Too many partitions for single INSERT"


class BodyError(StoreError):
    """The body handed in is at fault, and would be again; ``rule`` says what it breaks."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


class SlowError(StoreError):
    """A query took longer than it was allowed to."""


class NestedError(BodyError):
    """A value of the body holds values: it has to be flattened first (``otlp.nested``)."""


def translate(what: str, error: RuntimeError) -> StoreError | OverloadError:
    """What a failure of a statement means to its caller."""
    text = str(error)
    code = int(found.group(1)) if (found := _CODE.search(text)) else 0
    name = found.group(1) if (found := _NAME.search(text)) else "unknown error"
    if code == _TOO_MANY_PARTS and _PARTITIONS in text:
        return BodyError("must not be of so many different days")
    said = f"telemetry engine, {what}: {name} (code {code}){_why(code, text)}"
    is_full = code == _NO_SPACE or (code in _UNWRITTEN and _FULL.search(text) is not None)
    if what == "decode" and (code == _TOO_MANY_ROWS or (code == _MEMORY_LIMIT and _OF_QUERY in text)):
        return BodyError("holds too much to be decoded at once: send it as several requests")
    if is_full or code in (_TOO_MANY_PARTS, _MEMORY_LIMIT):
        return OverloadError(said, retry_after_s=5)
    if code == _TOO_SLOW:
        return SlowError(said)
    if code == _THROWN and what in _OF_BODIES:
        return NestedError("holds values inside values")
    if code in _UNDECODABLE and what in _OF_BODIES:
        return BodyError(f"cannot be decoded ({name})")
    return StoreError(said)


def _why(code: int, text: str) -> str:
    """What failed about files, or the kind of what was thrown: these quote no rows."""
    found = _OF_FILES.search(text) if code in _UNWRITTEN else None
    thrown = _THROWN_AS.search(text)
    words = found.group(0) if found else thrown.group(1) if thrown else ""
    return f": {words}" if words else ""


def of_opening(folder: Path, error: RuntimeError) -> StoreError:
    """Why a data folder could not be opened."""
    text = str(error)
    if "already initialized" in text:
        rule = "this process has another telemetry folder open, and can have one at a time"
    elif any(path.is_dir() and not path.is_symlink() for path in folder.glob("metadata/*")):
        rule = "cannot be opened: it was copied without its links; copy it with `cp -a` or `rsync -a`"
    elif "initializing EmbeddedServer" in text:
        rule = "cannot be opened; most likely another process has it open"
    else:
        rule = str(translate("open", error))
    return StoreError(f"telemetry folder {folder}: {rule}")
