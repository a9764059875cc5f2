"""Packages that a model asks for: whatever lies in an artifact, loading it starts nothing and fetches nothing."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wellkept.ml.codeprocess import load_scorer
from wellkept.ml.factors import Factors

ROOT = Path(__file__).parent.parent.parent / "src" / "wellkept"
ASKS = {
    "requirements.txt": "evil-package==1.0\n",
    "conda.yaml": "dependencies: [pip, {pip: [evil-package]}]\n",
    "python_env.yaml": "dependencies: [-r requirements.txt]\n",
    "setup.py": "raise SystemExit('code was run')\n",
    "pyproject.toml": "[project]\nname = 'evil'\n",
    "__init__.py": "raise SystemExit('code was run')\n",
    "sitecustomize.py": "raise SystemExit('code was run')\n",
    "MLmodel": "flavors: {python_function: {loader_module: evil, env: {pip: requirements.txt}}}\n",
}


def test_what_a_model_asks_for_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids, vectors = np.array([1, 2]), np.ones((2, 2))
    (tmp_path / "model.npz").write_bytes(Factors(ids, ids, vectors, vectors, np.zeros(2)).to_bytes())
    manifest = {"format": "factors", "inputs": ["user", "item"], "libraries": {"evil-package": "1.0"}, "note": ""}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    for name, text in ASKS.items():
        (tmp_path / name).write_text(text)

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("something was started or fetched")

    for owner, name in ((subprocess, "Popen"), (os, "system"), (os, "posix_spawn"), (socket.socket, "connect")):
        monkeypatch.setattr(owner, name, never)
    scorer, _ = load_scorer(tmp_path)

    assert scorer.score(np.array([[1.0, 2.0]])).shape == (1,)


def test_no_code_of_ours_installs_packages() -> None:
    word = re.compile(
        r"[\"'](pip|pip3|uv|conda|poetry|ensurepip|easy_install)[\"']|\bimport pip\b|-m pip|importlib\.reload"
    )
    allowed = {"app/mlflow.py", "evaluation/log_peer.py"}

    found = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        if word.search(path.read_text(encoding="utf-8"))
    }

    assert found <= allowed, found
