"""Batch scoring on the machine of the caller: the champion is fetched from the server, checked, and run here."""

from __future__ import annotations

import tempfile
from pathlib import Path

from wellkept.kernel.errors import NotFoundError
from wellkept.ml.serve.batch import score_file
from wellkept.ml.serve.models import Models
from wellkept.sdk.client import Client


def score(client: Client, model: str, rows: Path, out: Path) -> dict[str, object]:
    """Score a Parquet file by a model's champion; what was done, as JSON values.

    Raises:
        NotFoundError: the model has no champion.
        InputError: the rows do not fit the contract.
    """
    wanted = [one for one in client.get("/api/v1/deployments")["deployments"] if one["model"] == model]
    if not wanted:
        raise NotFoundError(f"model {model}", f"has no live version; `wellkept models promote {model}` proposes one")
    with tempfile.TemporaryDirectory(prefix="wellkept-score-") as cache:
        served = Models(client, Path(cache)).load(wanted[0])
        count = score_file(served, rows, out)
    return {"model": model, "version": served.version, "digest": served.digest, "rows": count, "out": str(out)}
