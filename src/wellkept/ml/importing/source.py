"""What is handed in: a file, or a folder that MLflow wrote, taken in whole as bytes and told by its content.

Nothing is parsed here but a small YAML file; a format is told by its first bytes, never by its name.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from wellkept.kernel.errors import InputError, NotFoundError, TooLargeError

LARGEST = 1 << 30
LARGEST_UNPACKED = 4 << 30
MOST_FILES, MOST_RATIO = 10_000, 200
"""A packed file may become so many times larger; weights are numbers, which pack badly."""
MLMODEL, LARGEST_MLMODEL = "MLmodel", 1 << 20
SAFE = ("onnx", "lightgbm", "xgboost", "skops")
PICKLE = "pickle"
PACKED = (
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ",
    b"\x04\x22\x4d\x18",
    b"\x78\x01",
    b"\x78\x5e",
    b"\x78\x9c",
    b"\x78\xda",
    b"ZF",
)
"""What joblib's packed pickles begin with: gzip, bzip2, xz, lz4, zlib, and its own oldest form."""
FLAVOURS = {
    "onnx": ("data",),
    "lightgbm": ("data",),
    "xgboost": ("data",),
    "sklearn": ("pickled_model",),
}
"""MLflow's flavours that are looked at, in this order, and the field that names the file."""


@dataclass(frozen=True, slots=True)
class Source:
    """A model's bytes. ``kind`` is one of :data:`SAFE`, or :data:`PICKLE`."""

    kind: str
    data: bytes = field(repr=False)
    name: str
    inputs: tuple[str, ...] = ()
    """The inputs' names, where what lies beside the model says them."""
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        return f"sha256:{hashlib.sha256(self.data).hexdigest()}"


def read_source(path: Path) -> Source:
    """A model file, or a folder with an MLmodel.

    Raises:
        NotFoundError: there is nothing there.
        InputError: it is a link, is no model that is known, or its place leads out of the folder.
        TooLargeError: it is over :data:`LARGEST`, or would be when unpacked.
    """
    if path.is_symlink():
        raise InputError(f"model {path}", "must be a file or a folder, not a link")
    if path.is_dir():
        return _of_folder(path)
    return source_of(read_plain(path), path.name)


def source_of(data: bytes, name: str, inputs: tuple[str, ...] = (), notes: Mapping[str, str] | None = None) -> Source:
    """A model by its bytes.

    Raises:
        InputError: they are no model that is known.
        TooLargeError: it would become too large when unpacked.
    """
    kind = kind_of(data, name)
    if kind == "skops":
        check_archive(data, name)
    return Source(kind, data, name, inputs, dict(notes or {}))


def read_plain(path: Path, limit: int = LARGEST) -> bytes:
    """The bytes of a regular file; a link is not followed, and a device or a pipe is not read.

    Raises:
        NotFoundError, InputError, TooLargeError: it is none, is something else, or is too large.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise NotFoundError(f"model {path}", "is not there") from error
    except OSError as error:
        raise InputError(f"model {path}", f"must be a file that can be read, not a link: {error.strerror}") from error
    with os.fdopen(handle, "rb") as file:
        state = os.fstat(handle)
        if not stat.S_ISREG(state.st_mode):
            raise InputError(f"model {path}", "must be a regular file")
        if state.st_size > limit:
            raise TooLargeError(f"model {path}", f"must have at most {limit} bytes", state.st_size)
        data = file.read(limit + 1)
    if len(data) > limit:
        raise TooLargeError(f"model {path}", f"must have at most {limit} bytes", len(data))
    return data


def kind_of(data: bytes, name: str) -> str:
    """The format, told by the first bytes.

    Raises:
        InputError: none that is known.
    """
    if data[:4] == b"PK\x03\x04":
        return _kind_of_archive(data, name)
    if (data[:1] == b"\x80" and data[1:2] <= b"\x05") or data.startswith(PACKED):
        return PICKLE
    start = data[:4096].lstrip()
    if start.startswith(b"tree\n") and b"version=" in start:
        return "lightgbm"
    if start.startswith(b"{L") or (start.startswith(b"{") and b'"learner"' in data[:4096]):
        return "xgboost"
    if _may_be_onnx(data):
        return "onnx"
    if data.rstrip()[-1:] == b"." and data[:1] in (b"(", b"c", b"]", b"}", b"I", b"S"):
        return PICKLE
    rule = "must be ONNX, LightGBM's text, XGBoost's JSON or UBJSON, skops, or a pickle (which needs a trust decision)"
    raise InputError(f"model {name}", rule, data[:16])


def check_archive(data: bytes, name: str) -> None:
    """A zip archive must stay what it says and where it is; nothing is unpacked to disk in any case.

    Raises:
        InputError: a name leads out of it, a member is a link, or it is damaged.
        TooLargeError: it would become too large.
    """
    try:
        members = zipfile.ZipFile(io.BytesIO(data)).infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise InputError(f"model {name}", f"is no whole archive: {error}") from error
    for member in members:
        where = PurePosixPath(member.filename.replace("\\", "/"))
        if where.is_absolute() or ".." in where.parts or "\0" in member.filename:
            raise InputError(f"model {name}", "must hold no name that leads out of it", member.filename)
        if stat.S_ISLNK(member.external_attr >> 16):
            raise InputError(f"model {name}", "must hold no link", member.filename)
    total = sum(member.file_size for member in members)
    if len(members) > MOST_FILES:
        raise TooLargeError(f"model {name}", f"must hold at most {MOST_FILES} files", len(members))
    if total > min(LARGEST_UNPACKED, max(LARGEST_UNPACKED // 64, MOST_RATIO * len(data))):
        raise TooLargeError(f"model {name}", f"would become {total} bytes out of {len(data)}; that is no model")


def mlmodel_of(text: bytes) -> tuple[str, tuple[str, ...], dict[str, str]]:
    """Which file of an MLflow model to take, the inputs' names, and what is worth noting.

    The list of trusted types that such a file may hold is not read: a model does not vouch for itself.

    Raises:
        InputError: it is no MLmodel, or has no flavour that is known.
    """
    try:
        told = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise InputError(MLMODEL, "must be YAML") from error
    flavours = told.get("flavors") if isinstance(told, dict) else None
    if not isinstance(flavours, dict):
        raise InputError(MLMODEL, "must name the model's flavors")
    for flavour, fields in FLAVOURS.items():
        body = flavours.get(flavour)
        if not isinstance(body, dict):
            continue
        for name in fields:
            file = body.get(name)
            if isinstance(file, str) and file:
                _check_inside(file)
                return file, _signature(told), _notes(told, flavour)
    rule = f"must have one of the flavours {', '.join(FLAVOURS)}; others hold code"
    raise InputError(MLMODEL, rule, ", ".join(map(str, flavours)))


def _of_folder(folder: Path) -> Source:
    for path in (folder, *folder.rglob("*")):
        if path.is_symlink():
            raise InputError(f"model {path}", "must be a file or a folder, not a link")
    if not (folder / MLMODEL).is_file():
        raise NotFoundError(f"model {folder}", f"has no {MLMODEL}; name the model's file itself")
    file, inputs, notes = mlmodel_of(read_plain(folder / MLMODEL, LARGEST_MLMODEL))
    return source_of(read_plain(folder / file), file, inputs, notes)


def _check_inside(name: str) -> None:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or "\0" in name or "%" in name:
        raise InputError(f"{MLMODEL}: the model's file", "must lie in the folder", name)


def _signature(told: Mapping[str, Any]) -> tuple[str, ...]:
    try:
        columns = json.loads(told["signature"]["inputs"])
        names = [column.get("name", "") for column in columns if isinstance(column, dict)]
    except (KeyError, TypeError, ValueError, AttributeError):
        return ()
    return tuple(str(name) for name in names) if names and all(names) else ()


def _notes(told: Mapping[str, Any], flavour: str) -> dict[str, str]:
    found = {"mlflow.flavour": flavour}
    for name in ("run_id", "model_uuid", "mlflow_version"):
        if isinstance(told.get(name), str):
            found[f"mlflow.{name}"] = told[name][:200]
    return found


def _kind_of_archive(data: bytes, name: str) -> str:
    try:
        names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise InputError(f"model {name}", f"is no whole archive: {error}") from error
    if "schema.json" in names:
        return "skops"
    if any(member.endswith(("data.pkl", ".pickle", ".pkl")) for member in names):
        return PICKLE
    raise InputError(f"model {name}", "is an archive that is no skops model; unpack it and name the model's file")


def _may_be_onnx(data: bytes) -> bool:
    """Whether the first field is ``ir_version`` (number 1, a small whole number), as every writer of ONNX puts it."""
    return len(data) > 16 and data[0] == 0x08 and data[1] < 0x20
