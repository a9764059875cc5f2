"""Metrics that are asked for by name, or by how their names end."""

from __future__ import annotations

import re
from collections.abc import Sequence

ANY = "*"
"""What a name begins with that stands for all that end with the rest of it."""


def named(names: Sequence[str]) -> dict[str, object]:
    """The parameters by which statements pick metrics; no names: all metrics."""
    endings = [re.escape(name.removeprefix(ANY)) for name in names if name.startswith(ANY)]
    return {"names": list(names), "endings": f"(?:{'|'.join(endings)})$" if endings else "^$"}
