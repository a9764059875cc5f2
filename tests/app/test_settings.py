"""The configuration: every mistake with its place, every environment variable by its name."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from wellkept.app.settings import CLIENT_VARIABLES, Settings, load_settings, resumed_demo
from wellkept.kernel.errors import DocumentError, NotFoundError

FIXTURES = sorted((Path(__file__).parent / "configurations").glob("*.yaml"))


def written(folder: Path, text: str) -> Path:
    file = folder / "wellkept.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def mistakes(folder: Path, text: str, environment: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(DocumentError) as raised:
        load_settings(written(folder, text), environment or {})
    return [str(problem) for problem in raised.value.problems]


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda path: path.stem)
def test_a_mistake_is_named_with_line_field_rule_and_value(fixture: Path) -> None:
    expected = re.findall(r"^# expect: (.*)$", fixture.read_text(encoding="utf-8"), re.MULTILINE)

    with pytest.raises(DocumentError) as raised:
        load_settings(fixture, {})

    assert expected, "a fixture begins with what it expects"
    assert [str(problem) for problem in raised.value.problems] == expected


def test_the_message_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=f"{tmp_path}/wellkept.yaml has 1 mistake:\n  line 1: x"):
        load_settings(written(tmp_path, "x: 1"), {})


def test_a_file_that_is_not_there_is_named_and_an_unnamed_one_may_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotFoundError, match=r"configuration nothing\.yaml: is not a file"):
        load_settings(Path("nothing.yaml"), {})

    monkeypatch.chdir(tmp_path)
    assert load_settings(None, {}) == Settings()
    written(tmp_path, "log_level: debug")
    assert load_settings(None, {}).log_level == "debug"


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    file = tmp_path / "wellkept.yaml"
    file.write_bytes(b"data: \xff")

    with pytest.raises(DocumentError, match="is not UTF-8"):
        load_settings(file, {})


def test_the_environment_is_laid_over_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, "data: /here\nserver: {port: 1000}\nml: {serve: true}")
    environment = {
        "WELLKEPT_SERVER__PORT": "0",
        "WELLKEPT_SERVER__HOST": "::1",
        "WELLKEPT_OPS__ENABLED": "false",
        "WELLKEPT_OPS__RUNBOOKS": "[/etc/runbooks]",
        "WELLKEPT_RETENTION__LOGS_DAYS": "3",
        "PATH": "/bin",
    }

    settings = load_settings(file, environment)

    assert (settings.server.port, settings.server.host, settings.ops.enabled) == (0, "::1", False)
    assert (settings.ops.runbooks, settings.retention.logs_days) == ((Path("/etc/runbooks"),), 3)
    assert (settings.data, settings.ml.serve) == (Path("/here"), True)


@pytest.mark.parametrize("name", sorted(CLIENT_VARIABLES))
def test_what_the_client_reads_is_no_setting(name: str, tmp_path: Path) -> None:
    assert load_settings(written(tmp_path, ""), {name: "x"}) == Settings()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("WELLKEPT_PORT", "1", "port (WELLKEPT_PORT): is not a known field, got 1"),
        ("WELLKEPT_SERVER__PROT", "1", "server.prot (WELLKEPT_SERVER__PROT): is not a known field, got 1"),
        (
            "WELLKEPT_SERVER__PORT",
            "99999",
            "server.port (WELLKEPT_SERVER__PORT): input should be less than or equal to 65535, got 99999",
        ),
        ("WELLKEPT_SERVER__HOST", "[", "server.host (WELLKEPT_SERVER__HOST): is not YAML, got '['"),
        (
            "WELLKEPT_DATA__FOLDER",
            "x",
            "data.folder (WELLKEPT_DATA__FOLDER): cannot be set, because data is not a mapping",
        ),
    ],
)
def test_a_mistake_in_the_environment_names_its_variable(name: str, value: str, expected: str, tmp_path: Path) -> None:
    assert mistakes(tmp_path, "data: /here", {name: value}) == [expected]


def test_a_mistake_that_is_only_in_the_environment_blames_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(DocumentError, match=r"^the environment has 1 mistake"):
        load_settings(None, {"WELLKEPT_X": "1"})


def test_no_key_of_the_tree_is_taken_for_a_wish() -> None:
    def parts(model: type[BaseModel]) -> list[type[BaseModel]]:
        kinds = [field.annotation for field in model.model_fields.values()]
        inner = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        return [model, *(part for kind in inner for part in parts(kind))]

    assert len(parts(Settings)) >= 8
    for part in parts(Settings):
        assert part.model_config.get("extra") == "forbid", part


def test_only_loopback_is_served_unless_it_is_meant() -> None:
    assert Settings().server.host == "127.0.0.1"
    assert Settings().server.allow_remote is False


def test_a_demo_that_runs_without_its_server_lends_its_configuration(tmp_path: Path) -> None:
    demo(tmp_path, os.getpid())

    assert resumed_demo(tmp_path) == tmp_path / "wellkept.yaml"


def test_a_demo_that_has_its_server_does_not(tmp_path: Path) -> None:
    demo(tmp_path, os.getpid())
    tmp_path.joinpath("data").mkdir()
    tmp_path.joinpath("data/server.pid").write_text(str(os.getpid()), encoding="ascii")

    assert resumed_demo(tmp_path) is None


@pytest.mark.parametrize("left", ["999999999", "no number", ""])
def test_a_demo_that_has_ended_does_not(left: str, tmp_path: Path) -> None:
    demo(tmp_path, left)

    assert resumed_demo(tmp_path) is None
    assert resumed_demo(tmp_path / "nothing") is None


def demo(folder: Path, pid: object) -> None:
    folder.joinpath("demo.pid").write_text(str(pid), encoding="ascii")
    folder.joinpath("wellkept.yaml").write_text("", encoding="utf-8")
