"""The manifest of a snapshot: what was asked, of which data, what was left out and hidden, and what came of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

VERSION = 1


def write_rows(table: pa.Table, out: Path) -> str:
    """Write rows as Parquet, the same bytes for the same rows, and return their digest."""
    plain = table.replace_schema_metadata(None).combine_chunks()
    pq.write_table(plain, out, compression="zstd")
    with out.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def manifest(request: Mapping[str, Any], table: pa.Table, digest: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest, in JSON values: it says everything by which the snapshot can be made again, and no secret."""
    return {
        "manifest": VERSION,
        "model": request["model"],
        "asked": {"start": request["start"], "end": request["end"], "excluded": request["excluded"]},
        "contract": request["contract"],
        "code": request["code"],
        "snapshot": digest,
        "rows": table.num_rows,
        "columns": {field.name: str(field.type) for field in table.schema},
        "masks": request["data"]["masks"],
        **told,
    }


def as_bytes(found: Mapping[str, Any]) -> bytes:
    """The manifest's bytes: the same for the same content."""
    return json.dumps(found, sort_keys=True, indent=1).encode()
