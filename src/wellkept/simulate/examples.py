"""Where examples are: they come with the source, not with an installed package."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from wellkept.app.claim import held
from wellkept.kernel.errors import ConflictError, InputError, NotFoundError

OF_SOURCE = Path(__file__).parents[3] / "examples"
MARK = "wellkept.yaml"


def find_examples(asked: Sequence[str], folder: Path | None) -> tuple[Path, ...]:
    """The folders of examples by name, or by path: a model project with a world.py.

    Names are looked for in ``folder``; without one in ./examples, then beside the source that this package runs from.

    Raises:
        NotFoundError: there is no such example; says where it was looked for.
    """
    places = [folder] if folder is not None else [Path("examples"), OF_SOURCE]
    found = []
    for name in asked:
        options = [Path(name), *(place / name for place in places)]
        path = next((one for one in options if (one / "model.yaml").is_file()), None)
        if path is None:
            looked = ", ".join(str(one) for one in options)
            rule = f"is no model project in {looked}; clone the source, and name its examples with --examples FOLDER"
            raise NotFoundError(f"example {name}", rule)
        found.append(path)
    if len({path.resolve() for path in found}) < len(found):
        raise InputError("EXAMPLE", "must name each example once", " ".join(asked))
    return tuple(found)


def cleared(folder: Path) -> Path:
    """The folder, without what an earlier simulation left there.

    Raises:
        ConflictError: there is something else in it, or somebody still uses it.
    """
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).is_file() or not (folder / "projects").is_dir():
            rule = "is not empty, and not of an earlier simulation; name another one with --folder"
            raise ConflictError(f"folder {folder}", rule)
        try:
            with held(folder / "data"):
                shutil.rmtree(folder)
        except ConflictError as error:
            rule = "is in use by another simulation or a server; wait for it, or name another folder with --folder"
            raise ConflictError(f"folder {folder}", rule, error.value) from error
    folder.mkdir(parents=True, exist_ok=True)
    return folder
