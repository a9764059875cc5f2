"""What is to become of a finished model that is handed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Wanted:
    """Its name here, a contract (YAML; empty: derived from the file), and rows to judge it on (a Parquet file)."""

    model: str
    contract: str = ""
    data: str = ""
    by: str = "operator"
    approval: str = ""
    """The plan whose approval allowed it, where one was needed."""


class Imports(Protocol):
    """Takes finished models in."""

    def take(self, path: str, wanted: Wanted, *, trust: bool) -> dict[str, Any]:
        """Import a file or folder of this machine: a version, the training run that judges it, or a plan that waits.

        Raises:
            InputError, NotFoundError, TooLargeError: it is no model that can be taken in; says why.
        """
        ...
