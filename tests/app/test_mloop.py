"""The ml loop, wired: a champion is served under the contract that it was trained by."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

from tests.ml.workshop import CONTRACT, NOON, Workshop

from wellkept.app.mloop import Promotions
from wellkept.app.platform import Platform
from wellkept.app.rollouts import RolloutLoop
from wellkept.ml.releases import Releases
from wellkept.spine.registry import CHAMPION, ModelVersion


def test_the_newest_contract_is_not_served_before_its_model_is(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path)
    platform = SimpleNamespace(registry=workshop.registry, clock=workshop.clock, artifacts=workshop.artifacts)
    own = workshop.artifacts.put_bytes(CONTRACT.encode())
    lineages: list[dict[str, str]] = [{"contract": own}, {"contract": "sha256:" + "0" * 64}, {}]
    rollouts = cast("RolloutLoop", SimpleNamespace(rollouts=SimpleNamespace(live=list)))
    promotions = Promotions(cast("Platform", platform), Releases(workshop.registry, workshop.artifacts), rollouts)
    workshop.registry.save_contract("fraud", "newest", "sha256:1", NOON)

    served, before = [], None
    for number, lineage in enumerate(lineages):
        digest = f"sha256:{number:064}"
        workshop.registry.register(ModelVersion("fraud", digest, NOON, digest, "onnx", digest, lineage=lineage))
        workshop.registry.set_alias("fraud", CHAMPION, digest, expected=before, at=NOON, by="ada")
        served.append(promotions.deployments()[0]["contract"])
        before = digest

    assert served == [CONTRACT, "newest", "newest"], "its own where it is kept, else the newest"
    workshop.close()
