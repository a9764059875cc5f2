"""A hold in one line: the reason stands there once, and is found again."""

from __future__ import annotations

import pytest

from wellkept.kernel.noise import Held, HoldReason, reason_of, sentence_of


@pytest.mark.parametrize(
    ("reason", "sentence", "words"),
    [
        (HoldReason.SILENCED, "silenced by ann until noon: disk ordered", "silenced by ann until noon: disk ordered"),
        (HoldReason.FLAPPING, "flapping: it began 7 times", "flapping: it began 7 times"),
        (HoldReason.TOO_FEW, "rule rack asks for more: 1 of 3", "too_few: rule rack asks for more: 1 of 3"),
    ],
)
def test_the_reason_stands_once_before_the_sentence(reason: HoldReason, sentence: str, words: str) -> None:
    line = Held(reason, {}, sentence).words

    assert (line, reason_of(line)) == (words, reason)
    assert Held(reason, {}, sentence_of(line)).words == line, "the hold of an incident is made of that of its findings"


def test_a_line_without_a_reason_has_none() -> None:
    assert reason_of("somebody said so") is None
    assert sentence_of("somebody: said so") == "somebody: said so"
