"""Artifacts by content: blobs, trees of files, and tables (Parquet snapshots), on any filesystem fsspec knows.

A digest names bytes, and bytes are checked against their digest whenever they are read.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from wellkept.kernel.errors import InputError, NotFoundError, StoreError

PREFIX = "sha256:"


class Artifacts:
    """A content-addressed store below a folder or a URL such as ``s3://bucket/wellkept``."""

    def __init__(self, url: str) -> None:
        self._files, self._root = fsspec.core.url_to_fs(url)

    def put_bytes(self, data: bytes) -> str:
        """Store bytes and return their digest. Bytes that are there already are written anew only if damaged.

        Raises:
            StoreError: they cannot be written, for want of room for one; nothing is left of them.
        """
        digest = PREFIX + hashlib.sha256(data).hexdigest()
        path = self._path(digest)
        if not self._files.exists(path) or self._files.cat_file(path) != data:
            partial = f"{path}.{os.getpid()}.{threading.get_ident()}.partial"
            try:
                self._files.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
                self._files.pipe_file(partial, data)
                self._files.mv(partial, path)
            except OSError as error:
                with contextlib.suppress(OSError):  # it would take the room that is wanted
                    self._files.rm_file(partial)
                why = error.strerror or type(error).__name__
                told = f"{len(data):,} bytes cannot be written below {self._root}: {why}"
                raise StoreError(f"artifacts: {told}; see to it, and start again what failed") from error
        return digest

    def get_bytes(self, digest: str) -> bytes:
        """The bytes of a digest.

        Raises:
            NotFoundError: nothing is stored under it.
            StoreError: what is stored is not what the digest says.
        """
        path = self._path(digest)
        if not self._files.exists(path):
            raise NotFoundError("artifact", "is not stored", digest)
        data = bytes(self._files.cat_file(path))
        if PREFIX + hashlib.sha256(data).hexdigest() != digest:
            raise StoreError(f"artifact {digest} is damaged: its bytes have another digest")
        return data

    def has(self, digest: str) -> bool:
        return bool(self._files.exists(self._path(digest)))

    def put_tree(self, folder: Path) -> str:
        """Store every file below a folder; the digest is that of the listing (name to digest).

        Raises:
            InputError: there is no such folder, or it holds a link; links are never followed.
        """
        if not folder.is_dir():
            raise InputError(f"artifact {folder.name}", "must be a folder", str(folder))
        listing: dict[str, str] = {}
        for path in sorted(folder.rglob("*")):
            if path.is_symlink():
                raise InputError(f"artifact {path.name}", "must be a file, not a link")
            if path.is_file():
                listing[path.relative_to(folder).as_posix()] = self.put_bytes(path.read_bytes())
        return self.put_bytes(json.dumps(listing, sort_keys=True).encode())

    def put_files(self, files: Mapping[str, bytes]) -> str:
        """Store files by their plain names as a tree; the digest is that of the listing.

        Raises:
            InputError: a name leads out of the tree.
        """
        for name in files:
            if not _is_inside(name):
                raise InputError("artifact", "must be a file with a plain name", name)
        listing = {name: self.put_bytes(data) for name, data in files.items()}
        return self.put_bytes(json.dumps(listing, sort_keys=True).encode())

    def listing(self, digest: str) -> dict[str, str]:
        """The files of a tree: relative name to digest.

        Raises:
            NotFoundError: nothing is stored under the digest.
            StoreError: the digest is not that of a tree, or a name leads out of it.
        """
        data = self.get_bytes(digest)
        try:
            listing = json.loads(data)
        except ValueError as error:
            raise StoreError(f"artifact {digest} is not a tree") from error
        if not isinstance(listing, dict) or not all(isinstance(blob, str) for blob in listing.values()):
            raise StoreError(f"artifact {digest} is not a tree")
        if not all(_is_inside(name) for name in listing):
            raise StoreError(f"artifact {digest} is not a tree of plain names")
        return listing

    def fetch_tree(self, digest: str, into: Path) -> Path:
        """Write the files of a tree below a folder, each checked, and return the folder."""
        for name, blob in self.listing(digest).items():
            target = into / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self.get_bytes(blob))
        return into

    def put_table(self, table: pa.Table) -> str:
        """Store a table as Parquet and return its digest."""
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="zstd")
        return self.put_bytes(buffer.getvalue())

    def table(self, digest: str) -> pa.Table:
        """A table that was stored with :meth:`put_table`."""
        return pq.read_table(io.BytesIO(self.get_bytes(digest)))

    def _path(self, digest: str) -> str:
        name = digest.removeprefix(PREFIX)
        if not digest.startswith(PREFIX) or len(name) != 64 or not all(c in "0123456789abcdef" for c in name):
            raise InputError("digest", "must be sha256: and 64 hexadecimal digits", digest)
        return f"{self._root}/{name[:2]}/{name[2:]}"


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\0" not in name
