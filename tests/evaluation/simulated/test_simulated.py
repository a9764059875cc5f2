"""A small run of the simulated evaluation: what must be found is, and what is well stays quiet."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from wellkept.cli.eval import command
from wellkept.evaluation.simulated import changes, disks, leaks, peaks

SEEDS = range(200, 203)


def test_leaks_are_found_with_half_of_the_way_left_and_sawtooth_is_none() -> None:
    found = leaks.evaluate(SEEDS, every=12)
    for kind in ("leak", "leak_late", "leak_hours"):
        assert found[kind]["found"] == len(SEEDS), kind
        assert found[kind]["way_left"] >= 0.5, kind
    for kind in ("sawtooth", "sawtooth_restarts", "sawtooth_hours", "weekly"):
        assert found[kind]["false_alarms"] == 0, kind


def test_filling_disks_are_forecast_and_rhythms_are_none() -> None:
    found = disks.evaluate(SEEDS, every=12)
    assert found["disk_fills"]["found"] == len(SEEDS)
    assert found["disk_fault"]["found"] >= len(SEEDS) - 1
    for kind in ("disk_rhythm", "disk_weekly_cleaning", "disk_daily_cleaning"):
        assert found[kind]["false_alarms"] == 0, kind


def test_changes_are_found_by_who_should_find_them() -> None:
    found = changes.evaluate(SEEDS, every=18)
    for kind in ("flat", "variance_down", "missing", "spike", "drop", "trend_break"):
        assert found[kind]["found"] >= len(SEEDS) - 1, kind
    for kind, scores in found.items():
        assert scores["false_alarms"] == 0, kind


def test_a_week_of_peaks_wakes_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peaks, "DAYS", 7)
    found = peaks.evaluate(SEEDS[:1], every_s=7200.0)
    assert found["seasonal_peaks"]["false_alarms"] == 0


def test_the_command_prints_both_halves() -> None:
    done = CliRunner().invoke(command, ["simulated", "--part", "changes", "--seeds", "1", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert told["seeds"] == {"chosen_on": [0, 0], "reported": [50, 50]}
    assert told["reported"]["flat"].keys() >= {"found", "missed", "false_alarms", "delay_s"}
