"""The server of OTLP over gRPC, wired."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from wellkept.app.claim import LOOPBACK
from wellkept.app.secrets import token_of
from wellkept.app.settings import Grpc
from wellkept.kernel.errors import ForbiddenError
from wellkept.ops.ingest.stage import Ingest

if TYPE_CHECKING:
    from wellkept.api.otlp_grpc import OtlpGrpc


def grpc_server(wanted: Grpc, ingest: Ingest, data: Path) -> OtlpGrpc | None:
    """The server, where the configuration wants one; it listens when it is started.

    Raises:
        ForbiddenError: the address is not loopback and the configuration does not say that this is meant.
    """
    if not wanted.enabled:
        return None
    if wanted.host not in LOOPBACK and not wanted.allow_remote:
        raise ForbiddenError(f"ingest.grpc.host {wanted.host} is not loopback; set ingest.grpc.allow_remote to mean it")
    # The server's children are programs of their own; gRPC would stop its threads, and say so, whenever one is started.
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
    from wellkept.api.otlp_grpc import GrpcSettings, OtlpGrpc

    return OtlpGrpc(GrpcSettings(wanted.host, wanted.port), ingest, token_of(data))
