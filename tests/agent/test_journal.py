"""The journal: what was begun is never begun again."""

from __future__ import annotations

from pathlib import Path

from wellkept.agent.journal import Journal

DONE = {"ok": True, "changed": True, "sentence": "done", "details": {"files": 3}}


def test_a_new_key_may_run(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "state" / "journal.sqlite")

    assert journal.begin("pln-1:0") is None
    assert journal.begin("pln-1:1") is None
    journal.close()


def test_a_finished_key_is_answered(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    journal.begin("pln-1:0")
    journal.finish("pln-1:0", DONE)

    assert journal.begin("pln-1:0") == DONE
    journal.close()


def test_a_finished_key_is_answered_after_a_restart(tmp_path: Path) -> None:
    before = Journal(tmp_path / "journal.sqlite")
    before.begin("pln-1:0")
    before.finish("pln-1:0", DONE)
    before.close()
    after = Journal(tmp_path / "journal.sqlite")

    assert after.begin("pln-1:0") == DONE
    after.close()


def test_a_key_that_was_begun_and_not_finished_is_answered_honestly_every_time(tmp_path: Path) -> None:
    before = Journal(tmp_path / "journal.sqlite")
    before.begin("pln-1:0")
    before.close()
    after = Journal(tmp_path / "journal.sqlite")

    for _ in range(2):
        answer = after.begin("pln-1:0")
        assert answer is not None
        assert (answer["ok"], answer["changed"]) == (False, True)
        assert answer["sentence"].startswith("the agent was cut off while it did this; the outcome is unknown")
        assert answer["details"] == {"unknown_outcome": True}
    after.close()
