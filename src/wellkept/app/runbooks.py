"""The runbooks: those that ship with the platform, and the team's own on top."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wellkept.ops import remediate
from wellkept.ops.remediate.base import Runbook, load_runbooks
from wellkept.spine.documents import read_document

SHIPPED = Path(remediate.__file__).parent / "runbooks"


def runbooks(folders: Sequence[Path] = ()) -> list[Runbook]:
    """The shipped runbooks and those of ``folders``; a later one replaces one of the same name.

    Raises:
        DocumentError: one breaks a rule.
    """
    return load_runbooks([SHIPPED, *folders])


def check_runbook(file: Path) -> Runbook:
    """The runbook of a file.

    Raises:
        DocumentError: it breaks a rule.
    """
    return read_document(Runbook, file)
