"""Reading what a client asks MLflow for: paths, bodies and places, before anything is handed on."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from wellkept.kernel.errors import InputError
from wellkept.ml.register.mlflow import Wish

ENCODED = re.compile(r"%(?:2e|2f|5c|25|00)", re.IGNORECASE)
PLACES = ("path", "artifact_path")
"""Parameters of an address that name a file."""
OWN_SCHEMES = frozenset({"mlflow-artifacts", "models", "runs"})
CLOUD_SCHEMES = frozenset({"s3", "gs", "abfs", "abfss", "wasb", "wasbs", "dbfs", "hdfs", "viewfs"})
LOCATIONS = {"source": "the source of a version", "artifact_location": "the place of an experiment's artifacts"}
LONGEST = 2000
VERBS = {
    ("POST", "registered-models/alias"): ("set_alias", ("name", "alias", "version")),
    ("DELETE", "registered-models/alias"): ("delete_alias", ("name", "alias")),
    ("DELETE", "registered-models/delete"): ("delete_model", ("name",)),
    ("POST", "registered-models/rename"): ("rename", ("name", "new_name")),
    ("DELETE", "model-versions/delete"): ("delete_version", ("name", "version")),
    ("POST", "model-versions/transition-stage"): ("transition", ("name", "version", "stage")),
}
STAGES = {stage.lower(): stage for stage in ("None", "Staging", "Production", "Archived")}


def plain_path(raw: bytes) -> str:
    """The path of a request, decoded once.

    Raises:
        InputError: it leads upwards, is encoded twice, or holds what no path of MLflow has.
    """
    try:
        path = unquote(raw.decode("ascii"), errors="strict")
    except (UnicodeDecodeError, ValueError) as error:
        raise InputError("path", "must be UTF-8, percent-encoded") from error
    check_place("path", path.removeprefix("/"))
    if not path.startswith("/"):
        raise InputError("path", "must begin with /", path)
    return path


def check_place(thing: str, place: str) -> None:
    """A file's place must stay inside.

    Raises:
        InputError: it does not.
    """
    odd = any(part in (".", "..") for part in place.split("/"))
    if odd or "\\" in place or ENCODED.search(place) or any(ord(sign) < 32 for sign in place):
        raise InputError(thing, "must be a plain path without '..', backslashes or double encoding", place[:LONGEST])
    if place.startswith("/"):
        raise InputError(thing, "must be relative", place[:LONGEST])


def check_parameters(parameters: Sequence[tuple[str, str]]) -> None:
    """The places that an address names, each checked like a path."""
    for name, value in parameters:
        if name in PLACES:
            check_place(name, value)


def document_of(body: bytes) -> dict[str, Any]:
    """A body as one JSON object.

    Raises:
        InputError: it is none, or says something twice: two readers could then understand two things.
    """
    try:
        found = json.loads(body, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise InputError("body", f"must be one JSON object: {error}") from error
    if not isinstance(found, dict):
        raise InputError("body", "must be one JSON object", type(found).__name__)
    return found


def wish_of(method: str, path: str, document: Mapping[str, Any]) -> Wish:
    """What a request to a gated route asks for.

    Raises:
        InputError: a field is missing, or is no text.
    """
    verb, fields = VERBS[method, "/".join(path.rsplit("/", 2)[-2:])]
    found = {name: _text(document, name) for name in fields}
    if verb == "transition":
        stage = STAGES.get(found["stage"].lower())
        if stage is None:
            raise InputError("stage", f"must be one of {', '.join(STAGES.values())}", found["stage"])
        archive = document.get("archive_existing_versions", False)
        if not isinstance(archive, bool):
            raise InputError("archive_existing_versions", "must be true or false", archive)
        return Wish(verb, found["name"], version=found["version"], stage=stage, archive=archive)
    others = {name: found.get(name, "") for name in ("version", "alias", "new_name")}
    return Wish(verb, found["name"], others["version"], others["alias"], others["new_name"])


def check_locations(document: Mapping[str, Any], *, is_managed: bool) -> None:
    """What MLflow would read files from must be a store that it keeps, never this machine's own files.

    Raises:
        InputError: it is somewhere else.
    """
    schemes = OWN_SCHEMES if is_managed else OWN_SCHEMES | CLOUD_SCHEMES
    for name, what in LOCATIONS.items():
        place = document.get(name)
        if place in (None, ""):
            continue
        if not isinstance(place, str):
            raise InputError(name, "must be text", place)
        parts = urlsplit(place)
        if parts.scheme.lower() not in schemes:
            raise InputError(name, f"{what} must begin with one of {', '.join(sorted(schemes))}", place[:LONGEST])
        if parts.query or parts.fragment:
            raise InputError(name, f"{what} must have no ? and no #", place[:LONGEST])
        check_place(name, unquote(parts.path).lstrip("/"))


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value or len(value) > LONGEST:
        raise InputError(name, f"must be text of 1 to {LONGEST} characters", value)
    return value


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands in it twice")
    return found
