"""The project keeps its own contract. Run it with ``pytest``."""

from __future__ import annotations

from pathlib import Path

from wellkept import Model

MODEL = Model(Path(__file__).parent)


def test_it_passes_its_gates() -> None:
    report = MODEL.check()

    assert report.passed, report.text()


def test_a_pair_can_be_scored() -> None:
    frame = MODEL.load()
    trained = MODEL.train(frame)

    scores = trained.score(frame.slice(0, 5))

    assert len(scores) == 5
