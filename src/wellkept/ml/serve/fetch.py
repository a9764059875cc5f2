"""Artifacts of the platform on this machine: fetched by digest, and every byte that is used was checked."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from wellkept.kernel.errors import StoreError
from wellkept.sdk.client import Client


class Artifact:
    """The files of one artifact. ``folder`` is where they lie."""

    def __init__(self, digest: str, folder: Path, files: Mapping[str, str], blobs: Blobs) -> None:
        self.digest, self.folder = digest, folder
        self._files, self._blobs = files, blobs

    def read(self, name: str) -> bytes:
        """The bytes of a file; what is returned is what has the digest, whatever lies on the disk.

        Raises:
            FileNotFoundError: the artifact has no such file.
            StoreError: the platform's bytes are not what their digest says.
        """
        if name not in self._files:
            raise FileNotFoundError(name)
        return self._blobs.read(self._files[name], self.folder / name)

    def lay_out(self) -> None:
        """Have every file in the folder."""
        for name in self._files:
            self.read(name)


class Blobs:
    """Fetches artifacts, and keeps them below a folder that is this user's alone."""

    def __init__(self, client: Client, cache: Path) -> None:
        self._client, self._cache = client, cache
        cache.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError):  # somebody else's folder, which the administrator chose
            cache.chmod(stat.S_IRWXU)

    def artifact(self, digest: str) -> Artifact:
        """An artifact by its digest.

        Raises:
            StoreError: its listing is not what the digest says, or holds a file with a path.
        """
        folder = self._cache / digest.removeprefix("sha256:")
        files: dict[str, str] = json.loads(self.read(digest, folder.with_suffix(".json")))
        for name in files:
            if "/" in name or "\\" in name or name.startswith("."):
                raise StoreError(f"artifact {digest} holds a file with a path: {name}")
        return Artifact(digest, folder, files, self)

    def read(self, digest: str, path: Path) -> bytes:
        """Bytes by their digest: from ``path``, or from the platform and then kept there."""
        data = _regular(path)
        is_new = data is None
        if data is None:
            data = self._client.raw(f"/api/v1/artifacts/{digest}")
        if f"sha256:{hashlib.sha256(data).hexdigest()}" != digest:
            path.unlink(missing_ok=True)
            raise StoreError(f"artifact {digest}: its bytes have another digest; it is not loaded")
        if is_new:
            write_whole(path, data)
        return data


def _regular(path: Path) -> bytes | None:
    """The bytes of a file that is one: no link leads out of the cache."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        return file.read() if stat.S_ISREG(os.fstat(descriptor).st_mode) else None


def write_whole(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; several processes may do so at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_bytes(data)
    partial.replace(path)
