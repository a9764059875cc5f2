"""A project's module is loaded from wherever it lies, and nothing is left there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = "import sys; from pathlib import Path; from wellkept.ml.project import function_in; \
print(function_in(Path(sys.argv[1]), 'features')(1))"


def test_nothing_compiled_is_left_beside_a_module_that_becomes_part_of_an_artifact(tmp_path: Path) -> None:
    file = tmp_path / "features.py"
    file.write_text("def features(frame):\n    return frame + 1\n", encoding="utf-8")
    command = [sys.executable, "-c", PROGRAM, str(file)]
    said = subprocess.run(command, env={}, capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.strip() == "2"
    assert [path.name for path in tmp_path.iterdir()] == ["features.py"]
