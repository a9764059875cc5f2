"""What a CI may report: a model in a safe format, by the digests of its files. Checked before anything is believed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from wellkept.kernel.errors import InputError, NotFoundError
from wellkept.ml.codeprocess import brings_code
from wellkept.ml.runtime import FILES
from wellkept.store.artifacts.artifacts import Artifacts

MANIFEST = "manifest.json"
NAMES = frozenset({MANIFEST, *FILES.values()})
MOST_CLASSES, MOST_MANIFEST_BYTES, MOST_METRICS = 10_000, 256 << 10, 50
LIBRARIES = 30

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Word = Annotated[str, Field(max_length=2000)]


class Report(BaseModel):
    """How a run went: the files of its model, or why there is none. Its numbers are kept, and decide nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    state: Literal["done", "failed"]
    files: dict[Word, Digest] = Field(default={}, max_length=2)
    metrics: dict[Word, float] = Field(default={}, max_length=MOST_METRICS)
    code: Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{64})?$")] = ""
    """Digest of the ``model.py`` that was run."""
    junit: Digest | None = None
    error: Word = ""

    @model_validator(mode="after")
    def _is_whole(self) -> Report:
        if self.state == "done" and not self.files:
            raise ValueError("files must be there when state is done")
        if self.state == "failed" and not self.error:
            raise ValueError("error must say why when state is failed")
        return self


def read_report(document: Mapping[str, Any]) -> dict[str, Any]:
    """A report as JSON values, defaults filled in.

    Raises:
        InputError: it breaks a rule; names the field.
    """
    try:
        return Report.model_validate(document).model_dump(mode="json")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "report"
        raise InputError(field, first["msg"], first.get("input")) from None


def checked_report(report: Mapping[str, Any], asked: Mapping[str, Any], artifacts: Artifacts) -> None:
    """Refuse what can be told to be wrong without loading a model.

    Raises:
        InputError: names the field and the rule.
        NotFoundError: a file was not sent.
    """
    if report["state"] == "failed":
        return
    odd = sorted(set(report["files"]) - NAMES)
    if odd:
        raise InputError("files", f"must be of {', '.join(sorted(NAMES))}; nothing else is ever loaded", odd[0])
    if report["junit"] is not None and not artifacts.has(report["junit"]):
        raise NotFoundError("junit", "was not sent", report["junit"])
    manifest, _, _ = files_of(report, asked, artifacts)
    if brings_code(manifest) and report["code"] != asked["code"]:
        rule = f"must be {asked['code']}: a part of this model is made by the code that the platform has of the project"
        raise InputError("code", rule, report["code"])


def files_of(
    report: Mapping[str, Any], asked: Mapping[str, Any], artifacts: Artifacts
) -> tuple[dict[str, Any], str, bytes]:
    """The manifest, and the model's file by name; of a manifest nothing is taken over that is not known.

    Raises:
        InputError: it does not fit what was asked for.
        NotFoundError: a file was not sent.
    """
    files = report["files"]
    if MANIFEST not in files:
        raise InputError("files", f"must have {MANIFEST}", sorted(files))
    data = artifacts.get_bytes(files[MANIFEST])
    try:
        given = orjson.loads(data) if len(data) <= MOST_MANIFEST_BYTES else None
    except orjson.JSONDecodeError:
        given = None
    if not isinstance(given, dict):
        raise InputError(MANIFEST, f"must be a JSON object of at most {MOST_MANIFEST_BYTES} bytes")
    kind = given.get("format")
    if not isinstance(kind, str) or kind not in FILES:
        raise InputError(f"{MANIFEST}: format", f"must be one of {', '.join(FILES)}", kind)
    if set(files) != {MANIFEST, FILES[kind]}:
        raise InputError("files", f"must be {MANIFEST} and {FILES[kind]}, as the format is {kind}", sorted(files))
    for name, known in (("inputs", asked["inputs"]), ("columns", asked["columns"])):
        if list(given.get(name) or []) != list(known):
            raise InputError(f"{MANIFEST}: {name}", f"must be {known}, as in the contract", given.get(name))
    return _manifest(given, kind, asked), FILES[kind], artifacts.get_bytes(files[FILES[kind]])


def _manifest(given: Mapping[str, Any], kind: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    libraries, classes = given.get("libraries", {}), given.get("classes", [])
    if not isinstance(libraries, dict) or len(libraries) > LIBRARIES:
        raise InputError(f"{MANIFEST}: libraries", "must be names and versions", libraries)
    is_list = isinstance(classes, list) and len(classes) <= MOST_CLASSES
    if not is_list or any(isinstance(one, bool) or not isinstance(one, int | float) for one in classes):
        raise InputError(f"{MANIFEST}: classes", f"must be at most {MOST_CLASSES} numbers", classes)
    found: dict[str, Any] = {
        "format": kind,
        "inputs": list(asked["inputs"]),
        "estimator": str(given.get("estimator", ""))[:100],
        "parity_max_difference": 0.0,
        "note": "trained by an external CI",
        "libraries": {str(name)[:60]: str(version)[:60] for name, version in libraries.items()},
    }
    if asked["columns"]:
        found["columns"] = list(asked["columns"])
    if classes:
        found["classes"] = [float(one) for one in classes]
    return found
