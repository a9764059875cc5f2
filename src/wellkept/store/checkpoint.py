"""A checkpoint: arrays that are learned and dear to learn again, in one file that is written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.errors import StoreError

Arrays = Mapping[str, NDArray[Any]]

_HEADER = "header.json"


class Checkpoint:
    """Arrays by name with a header of plain values, at ``path`` (an uncompressed NumPy archive)."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def save(self, header: Mapping[str, Any], arrays: Arrays) -> None:
        """Replace what is there. After a crash at any moment either the old or the new file is there, and whole.

        Raises:
            StoreError: it cannot be written.
        """
        partial = self.path.with_suffix(".partial")
        text = np.frombuffer(json.dumps(dict(header)).encode(), np.uint8)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                np.savez(file, **{_HEADER: text, **arrays})  # type: ignore[arg-type]
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self.path)
            _sync(self.path.parent)
        except OSError as error:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)  # on a full disk half a file is in everybody's way
            raise StoreError(f"checkpoint {self.path}: cannot be written: {error}") from error

    def load(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]] | None:
        """The header and the arrays; None where there is no checkpoint.

        Raises:
            StoreError: the file is damaged, or was never one of these.
        """
        try:
            with self.path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            header = json.loads(arrays.pop(_HEADER).tobytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, AttributeError) as error:
            raise StoreError(f"checkpoint {self.path}: is damaged, or was never one") from error
        if not isinstance(header, dict):
            raise StoreError(f"checkpoint {self.path}: is damaged, or was never one")
        return header, arrays


def _sync(folder: Path) -> None:
    """The new name of a file is on the disk, too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
