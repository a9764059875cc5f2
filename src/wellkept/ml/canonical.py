"""The same model is the same bytes: what converters put in of the process that ran them is taken out again."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import PurePosixPath
from typing import Any

GRAPH = "model"
"""The name of a graph in ONNX; converters that are not told one draw it at random."""
SCHEMA, ID, FILE = "schema.json", "__id__", "file"
LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a ZIP archive can hold."""


def canonical_skops(data: bytes) -> bytes:
    """A model of skops without memory addresses (its object ids and file names) and without the time of day."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        schema = json.loads(archive.read(SCHEMA))
        names = _Names()
        plain = names.replaced(schema)
        files = {new: archive.read(old) for old, new in names.files.items()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in {SCHEMA: json.dumps(plain, indent=1).encode(), **files}.items():
            archive.writestr(zipfile.ZipInfo(name, LONG_AGO), content)
    return buffer.getvalue()


class _Names:
    """Numbers objects and files in the order in which the schema names them."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self._ids: dict[int, int] = {}

    def replaced(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self.replaced(one) for one in node]
        if not isinstance(node, dict):
            return node
        found: dict[str, Any] = {}
        for key, value in node.items():
            if key == ID and isinstance(value, int):
                found[key] = self._ids.setdefault(value, len(self._ids) + 1)
            elif key == FILE and isinstance(value, str):
                found[key] = self.files.setdefault(value, f"{len(self.files) + 1}{PurePosixPath(value).suffix}")
            else:
                found[key] = self.replaced(value)
        return found
