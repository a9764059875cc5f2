"""The page docs/how-to/add-a-detector.md, followed word for word."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from wellkept.app.detectors import checked, detectors
from wellkept.app.replay import Wish, replay
from wellkept.app.settings import Ops
from wellkept.kernel.described import described
from wellkept.ops.detect import detectors as package
from wellkept.ops.detect.base import DetectSettings
from wellkept.spine.plugins import TABLE

HOUSE = Path(__file__).parents[3]
PAGE = (HOUSE / "docs" / "how-to" / "add-a-detector.md").read_text("utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# (\w+\.py)\n")


def blocks(kind: str) -> list[str]:
    return [text for language, text in BLOCK.findall(PAGE) if language == kind]


def files() -> dict[str, str]:
    """The page's Python by the name of its file."""
    found = {}
    for text in blocks("python"):
        name = FILE.match(text)
        assert name is not None, "each file's name is in its first line"
        found[name[1]] = text
    return found


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The one file beside the other detectors, and the one line in the table."""
    (tmp_path / "flapping.py").write_text(files()["flapping.py"])
    (line,) = blocks("text")
    name, place = re.fullmatch(r'\s*"(\w+)": "([\w.:]+)",\s*', line).groups()  # type: ignore[union-attr]
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    monkeypatch.setitem(TABLE["detector"], name, place)
    yield tmp_path
    sys.modules.pop("wellkept.ops.detect.detectors.flapping", None)
    vars(package).pop("flapping", None)


def test_the_files_of_the_page_are_these() -> None:
    assert set(files()) == {"flapping.py", "test_flapping.py", "record.py"}


@pytest.mark.parametrize(
    ("name", "folder"),
    [("flapping.py", "src/wellkept/ops/detect/detectors"), ("test_flapping.py", "tests/ops/detect")],
)
@pytest.mark.parametrize("how", [["check", "--quiet"], ["format", "--check", "--quiet"]])
def test_its_files_pass_the_lint_of_the_house(name: str, folder: str, how: list[str]) -> None:
    # The file is not there, so the linter cannot see that what it tests is ours.
    ours = ["--config", "lint.isort.known-first-party=['wellkept']"]
    ruff = [sys.executable, "-m", "ruff", *how, *ours, "--stdin-filename", f"{folder}/{name}", "-"]
    done = subprocess.run(ruff, input=files()[name], capture_output=True, text=True, check=False, cwd=HOUSE)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_its_tests_pass(added: Path) -> None:
    path = added / "test_flapping.py"
    path.write_text(files()["test_flapping.py"])
    tests = {name: value for name, value in runpy.run_path(str(path)).items() if name.startswith("test_")}
    assert len(tests) == 3
    for test in tests.values():
        test()


def test_a_replay_finds_it(added: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = added / "record.py"
    script.write_text(files()["record.py"])
    monkeypatch.setattr(sys, "argv", ["record.py", str(added / "falls")])
    runpy.run_path(str(script))
    outcome = replay(Wish(added / "falls"), Ops())
    (finding,) = (finding for finding in outcome.findings if finding.detector == "flapping")
    assert finding.sentence.startswith("Checkout went down 3 times in")
    assert outcome.incidents


def test_the_configuration_of_the_page_is_taken(added: Path) -> None:
    (text,) = blocks("yaml")
    choices = yaml.safe_load(text)["ops"]["detectors"]
    (made,) = (one for one in detectors(DetectSettings(), checked(choices)) if one.name == "flapping")
    (told,) = described(made.parameters)  # type: ignore[attr-defined]
    assert (told.name, told.value, told.usual) == ("times", 5, 3)
    assert told.meaning.startswith("A service that went down")
    off = detectors(DetectSettings(), {"flapping": {"enabled": False}})
    assert "flapping" not in [one.name for one in off]
