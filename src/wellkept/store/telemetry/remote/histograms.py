"""Native histograms are not taken: what that means to who sent some."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wellkept.store.telemetry.receipt import Receipt

_REASON = "native histograms are not taken (send_native_histograms: false leaves them out)"


def without_histograms(
    receipts: Sequence[Receipt], body: NDArray[np.uint32], histograms: NDArray[np.uint32]
) -> list[Receipt]:
    """The receipts, with the histograms of each request as rejected. ``body`` and ``histograms``: by series."""
    if not histograms.any():
        return list(receipts)
    counts = np.bincount(body, weights=histograms, minlength=len(receipts) + 1)[1:].astype(int).tolist()
    return [
        Receipt(one.items, one.rejected + count, "; ".join(filter(None, (one.reason, _REASON)))) if count else one
        for one, count in zip(receipts, counts, strict=True)
    ]
