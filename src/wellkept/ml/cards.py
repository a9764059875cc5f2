"""Reading the model card that lies beside a version."""

from __future__ import annotations

from wellkept.kernel.errors import NotFoundError
from wellkept.spine.registry import Registry, VersionState
from wellkept.store.artifacts.artifacts import Artifacts

CARD = "card"
"""The place in a version's lineage of the card's digest, a tree of files."""


class Cards:
    """The cards of registered versions."""

    def __init__(self, registry: Registry, artifacts: Artifacts) -> None:
        self._registry, self._artifacts = registry, artifacts

    def files(self, model: str, reference: str) -> dict[str, bytes]:
        """The files of a version's card (digest, number or alias; empty: the newest version), each checked.

        Raises:
            NotFoundError: there is no such version, or it was registered before there were cards.
        """
        versions = self._registry.versions(model)
        if not versions:
            raise NotFoundError(f"model {model}", "has no version; `wellkept models train FOLDER` makes one")
        version = self._registry.version(model, reference) if reference else versions[0]
        digest = version.lineage.get(CARD, "")
        if not digest:
            never = version.state is VersionState.UNJUDGED
            why = " because nobody has judged it; `wellkept models import ... --rows` does" if never else ""
            raise NotFoundError(f"version {version.number} of {model}", f"has no model card{why}")
        return {name: self._artifacts.get_bytes(blob) for name, blob in self._artifacts.listing(digest).items()}
