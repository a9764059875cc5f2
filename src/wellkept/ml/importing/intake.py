"""Taking a model in: what was handed over goes into a private folder, where a locked-in worker opens it, and what comes
out is read back as bytes that nobody trusts.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wellkept.kernel.errors import InputError, TrainingError
from wellkept.ml.categories import LONGEST, MOST
from wellkept.ml.importing.readers import EXPECTED
from wellkept.ml.importing.source import PICKLE, SAFE, Source, read_plain, source_of
from wellkept.ml.inputspec import NUMBERS
from wellkept.ml.process import run_worker
from wellkept.ml.runtime import FILES

WORKER = "wellkept.ml.importing.worker"
TIMEOUT_S = 240.0
LARGEST_EXPECTED = 1 << 28
MOST_CLASSES = 10_000
TASKS = ("binary_classification", "multiclass_classification", "regression")


@dataclass(frozen=True, slots=True)
class TakenIn:
    """A model as it will be served, and what it said of itself, each word of it checked."""

    format: str
    data: bytes = field(repr=False)
    told: Mapping[str, Any]
    note: str = ""
    not_confined: str = ""
    """What kept the worker from being locked in; empty where it was."""

    def categories(self, inputs: list[str]) -> dict[str, list[str]]:
        """The texts that the model knows, by what the contract calls its inputs."""
        known = self.told.get("categories", {})
        pairs = zip(inputs, self.told["inputs"], strict=False)
        return {name: known[theirs] for name, theirs in pairs if theirs in known}

    def files(self, inputs: list[str]) -> dict[str, bytes]:
        """The artifact's files; the manifest is ours."""
        manifest = {
            "format": self.format,
            "inputs": inputs,
            "estimator": self.told["estimator"],
            "parity_max_difference": 0.0,
            "note": self.note,
            "libraries": {},
        }
        if self.told["classes"]:
            manifest["classes"] = self.told["classes"]
        known = self.categories(inputs)
        if known:
            manifest["categories"] = known
        text = json.dumps(manifest, indent=1, sort_keys=True)
        return {FILES[self.format]: self.data, "manifest.json": text.encode()}


def look(source: Source, expected: bytes = b"") -> TakenIn:
    """Have a model of a safe format read, and brought into the form that is served.

    Args:
        source: the model.
        expected: rows and scores (NumPy's npz) that it must give again; empty where there are none.

    Raises:
        InputError: it breaks a rule, or brought the worker down.
    """
    assert source.kind in SAFE
    with _folder() as folder:
        (folder / "model").write_bytes(source.data)
        if expected:
            (folder / EXPECTED).write_bytes(expected)
        told = _asked(folder, {"step": "look", "kind": source.kind})
        written = _known(told, "format", tuple(FILES))
        data = read_plain(folder / "out" / FILES[written])
    return TakenIn(
        written, data, _checked(told), str(told.get("note", ""))[:500], str(told.get("not_confined", ""))[:200]
    )


def open_pickle(source: Source) -> TakenIn:
    """Open a pickle in a locked-in process, have it converted, and take in what came out like anything from outside.

    Nobody calls this without an approval that is bound to the pickle's digest.

    Raises:
        InputError: it cannot be opened or converted, or does not score the same afterwards.
    """
    assert source.kind == PICKLE
    with _folder() as folder:
        (folder / "model").write_bytes(source.data)
        told = _asked(folder, {"step": "open"})
        written = _known(told, "format", SAFE)
        data = read_plain(folder / "out" / FILES[written])
        expected = folder / EXPECTED
        held = read_plain(expected, LARGEST_EXPECTED) if expected.exists() else b""
    safe = source_of(data, source.name, tuple(_checked(told)["inputs"]))
    if safe.kind not in SAFE:
        raise InputError("the pickle", "must become a safe format, and became", safe.kind)
    taken = look(safe, held)
    names = _checked(told)["inputs"]
    if len(names) == taken.told["width"]:
        claimed = {**taken.told, "inputs": names, "categories": taken.categories(names)}
        return TakenIn(taken.format, taken.data, claimed, taken.note)
    return taken


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """A folder that nobody else may enter, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="wellkept-import-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _asked(folder: Path, request: Mapping[str, Any]) -> dict[str, Any]:
    """The worker's answer; whatever ends it is the model's fault."""
    try:
        return run_worker(WORKER, {**request, "folder": str(folder)}, folder, TIMEOUT_S)
    except TrainingError as error:
        lines = str(error).splitlines()
        words = lines[0].removeprefix("importing: ")
        more = f" ({lines[-1][:200]})" if len(lines) > 1 else ""
        raise InputError("model", words + more) from error
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("model", "made its worker answer with no JSON") from error


def _checked(told: Mapping[str, Any]) -> dict[str, Any]:
    """The worker's words in their types: a hostile model may have written them."""
    try:
        found: dict[str, Any] = {
            "task": _known(told, "task", TASKS),
            "width": int(told["width"]),
            "inputs": [str(name)[:200] for name in told["inputs"]],
            "types": [_known({"type": kind}, "type", (*NUMBERS, "category")) for kind in told["types"]],
            "categories": {str(name)[:200]: _texts(texts) for name, texts in told["categories"].items()},
            "open": bool(told["open"]),
            "nullable": bool(told["nullable"]),
            "classes": [float(one) for one in told["classes"]],
            "estimator": str(told["estimator"])[:100],
        }
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise InputError("model", f"made its worker answer what cannot be used: {type(error).__name__}") from error
    words = {name for name, kind in zip(found["inputs"], found["types"], strict=False) if kind == "category"}
    is_odd = len(found["types"]) not in (0, len(found["inputs"])) or words != set(found["categories"])
    if len(found["inputs"]) not in (0, found["width"]) or len(found["classes"]) > MOST_CLASSES or is_odd:
        raise InputError("model", "made its worker answer what cannot be used")
    return found


def _texts(told: list[Any]) -> list[str]:
    """The texts of a category; too many, or too long ones, are none.

    Raises:
        ValueError: they are.
    """
    texts = [str(text) for text in told]
    if not 0 < len(texts) <= MOST or max(map(len, texts)) > LONGEST:
        raise ValueError(len(texts))
    return texts


def _known(told: Mapping[str, Any], name: str, allowed: tuple[str, ...]) -> str:
    value = told.get(name)
    if value not in allowed:
        raise InputError(f"model: {name}", f"must be one of {', '.join(allowed)}", value)
    return str(value)
