"""The style sheet, the script and the mark: read once, kept by browsers for good under a versioned address."""

from __future__ import annotations

import functools
import mimetypes

from starlette.requests import Request
from starlette.responses import Response

from wellkept.web.render import HERE, SECURITY


async def file(request: Request) -> Response:
    """One static file."""
    found = _files().get(request.path_params["name"])
    if found is None:
        return Response("no such file", 404, headers=dict(SECURITY), media_type="text/plain")
    data, media = found
    return Response(data, headers={**SECURITY, "Cache-Control": "max-age=31536000, immutable"}, media_type=media)


@functools.cache
def _files() -> dict[str, tuple[bytes, str]]:
    """Name to content and media type; only what lies in the folder can ever be asked for."""
    return {
        path.name: (path.read_bytes(), mimetypes.guess_type(path.name)[0] or "application/octet-stream")
        for path in (HERE / "static").iterdir()
        if path.is_file()
    }
