"""The search on a model card."""

from __future__ import annotations

from wellkept.app.searchcard import with_search
from wellkept.ml.evaluate.card.page import Card, as_markdown

EMPTY = Card("Model card: fraud", "", True, (), ())


def trial(state: str, value: float | None, error: str = "") -> dict[str, object]:
    parameters = {"rate": 0.125, "kind": "plain"}
    return {"state": state, "value": value, "parameters": parameters, "seconds": 1.5, "error": error, "steps": 0}


def test_the_trials_are_listed_from_the_best_on_and_drawn() -> None:
    trials = [
        trial("complete", 0.3),
        trial("fail", None, "ValueError: odd"),
        trial("complete", 0.1),
        trial("pruned", 0.0),
    ]
    search = {"metric": "rmse", "maximize": False, "value": 0.1, "parameters": {}, "trials": trials}

    card = with_search(EMPTY, search)

    (section,) = card.sections
    assert [(row[0], row[1], row[2]) for row in section.rows] == [
        ("3", "0.1", "complete"),
        ("1", "0.3", "complete"),
        ("2", "none", "fail: ValueError: odd"),
        ("4", "0", "pruned"),
    ]
    assert section.rows[0][3] == "rate 0.125, kind plain"
    assert [plot.name for plot in card.plots] == ["search"]
    assert "4 trials, judged by rmse on rows that were trained on" in as_markdown(card)


def test_a_card_without_a_search_says_nothing_of_one() -> None:
    assert with_search(EMPTY, None) == EMPTY
