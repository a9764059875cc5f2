"""The house around the code: what is locked, what is packaged, what the kernel may need."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import wellkept

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "wellkept"
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SHIPPED = frozenset({".css", ".html", ".js", ".mako", ".proto", ".py", ".sql", ".typed", ".yaml"})

PINS = [Requirement(line.rstrip(" \\")) for line in LOCK.splitlines() if re.match(r"[A-Za-z0-9]", line)]
UNLOCKED = frozenset({"ray", "xgboost"})
"""Extras that are not in the lock: too large for everybody, and chosen to fit a cluster, or models that there are."""
EXTRAS = [group for name, group in PROJECT["optional-dependencies"].items() if name not in UNLOCKED]
WANTED = sorted(
    {
        requirement
        for group in (PROJECT["dependencies"], *EXTRAS)
        for requirement in group
        if not requirement.startswith("wellkept[")
    }
)


def test_the_lock_names_no_place_to_fetch_from() -> None:
    assert "://" not in LOCK
    assert not re.search(r"^\s*-(?!-hash=)", LOCK, re.MULTILINE), "an option of the installer"
    assert "@" not in LOCK, "a requirement by address"


def test_every_locked_package_is_pinned_exactly_and_has_hashes() -> None:
    assert PINS
    for entry in re.split(r"^(?=[A-Za-z0-9])", LOCK, flags=re.MULTILINE)[1:]:
        assert re.match(r"[A-Za-z0-9._-]+==[^\s;]+", entry), entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry


@pytest.mark.parametrize("wanted", WANTED)
def test_every_dependency_is_locked_at_a_version_that_fits(wanted: str) -> None:
    requirement = Requirement(wanted)
    pins = [pin for pin in PINS if canonicalize_name(pin.name) == canonicalize_name(requirement.name)]

    assert pins, "run `make lock`"
    for pin in pins:
        (version,) = pin.specifier
        assert requirement.specifier.contains(version.version), pin


def test_the_version_is_said_alike_everywhere() -> None:
    assert PROJECT["version"] == wellkept.__version__


def test_the_wheel_holds_every_file_that_the_code_reads(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("wellkept/")}

    expected = {path.relative_to(ROOT / "src").as_posix() for path in PACKAGE.rglob("*") if path.suffix in SHIPPED}
    assert "wellkept/py.typed" in packed
    assert expected - packed == set()


def test_every_folder_with_code_is_a_package_so_that_the_layers_see_it() -> None:
    folders = {path.parent for path in PACKAGE.rglob("*.py")}

    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_the_kernel_needs_the_standard_library_alone() -> None:
    allowed = sys.stdlib_module_names | {"wellkept"}
    foreign = {
        f"{path.relative_to(ROOT).as_posix()}:{node.lineno}: {name}"
        for path in (PACKAGE / "kernel").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in _imported(node)
        if name.partition(".")[0] not in allowed
    }

    assert foreign == set()


def test_importing_the_package_imports_nothing_else_of_ours() -> None:
    source = "import sys, wellkept; print(*(name for name in sys.modules if name.startswith('wellkept.')))"

    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == ""


def _imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or "wellkept"]
