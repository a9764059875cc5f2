"""What is live: the champions, each with the contract that it was trained by and the reference that lies beside it."""

from __future__ import annotations

from wellkept.kernel.errors import DocumentError
from wellkept.ml.contract import ModelContract, parse_contract
from wellkept.ml.reference import FILE, Distribution, parse_reference
from wellkept.ml.signature import signature_changes
from wellkept.spine.registry import CHAMPION, ModelVersion, Registry
from wellkept.store.artifacts.artifacts import Artifacts

REMEMBERED = 64
PROMISE_ERROR = "promise.standard_error"
"""The place in a version's lineage of how unsure the live metric was that its gate saw."""

INTERVAL_ROWS = "interval.rows"
"""The place in a version's lineage of how many rows its interval was learned from."""


class Releases:
    """Reads what belongs to a version. What never changes is remembered."""

    def __init__(self, registry: Registry, artifacts: Artifacts) -> None:
        self._registry, self._artifacts = registry, artifacts
        self._references: dict[str, dict[str, Distribution]] = {}
        self._contracts: dict[str, ModelContract] = {}

    def champions(self) -> list[ModelVersion]:
        """The live version of every model that has one."""
        found = [self._registry.alias(model, CHAMPION) for model in self._registry.models()]
        return [version for version in found if version is not None]

    def contract_text(self, version: ModelVersion) -> str:
        """The contract that a version was trained by; the newest one may be of a version that is not live yet."""
        digest = version.lineage.get("contract", "")
        if digest and self._artifacts.has(digest):
            return self._artifacts.get_bytes(digest).decode()
        return self._registry.contract(version.model) or ""

    def contract(self, version: ModelVersion) -> ModelContract:
        """The same, parsed.

        Raises:
            DocumentError: it is not a contract any more.
        """
        text = self.contract_text(version)
        known = self._contracts.get(text)
        if known is None:
            known = parse_contract(text, f"contract of {version.model}")
            self._contracts = {text: known, **dict(list(self._contracts.items())[: REMEMBERED - 1])}
        return known

    def signature_changes(self, before: ModelVersion, after: ModelContract) -> str:
        """What a caller of one version would notice of the other contract, in words; empty where nothing changed."""
        try:
            return "; ".join(signature_changes(self.contract(before), after))
        except DocumentError:  # written by rules that have changed since: there is nothing to compare with
            return f"cannot be compared with version {before.number}, whose contract is not valid any more"

    def reference(self, version: ModelVersion) -> dict[str, Distribution]:
        """What a version was trained on; nothing of one that is served elsewhere, until that is given or learned.

        Raises:
            NotFoundError: its artifact is not stored.
            StoreError: its artifact is damaged.
        """
        if not version.artifact:
            return {}
        known = self._references.get(version.artifact)
        if known is None:
            listing = self._artifacts.listing(version.artifact)
            known = parse_reference(self._artifacts.get_bytes(listing[FILE])) if FILE in listing else {}
            self._references = {version.artifact: known, **dict(list(self._references.items())[: REMEMBERED - 1])}
        return known
