"""The workflows to copy: what GitHub and GitLab would refuse, and that every command in them exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from wellkept.cli.main import cli

FOLDER = Path(__file__).parent.parent.parent / "examples" / "ci"
FILES = sorted(FOLDER.glob("*.yml"))
GITHUB = [file for file in FILES if file.name.startswith("github-")]
GITLAB = [file for file in FILES if file.name.startswith("gitlab-")]


def read(file: Path) -> dict[str, Any]:
    """The document. YAML 1.1 reads the key ``on`` as true; GitHub does not."""
    found = yaml.safe_load(file.read_text("utf-8"))
    assert isinstance(found, dict)
    return {("on" if key is True else str(key)): value for key, value in found.items()}


def commands(file: Path) -> list[list[str]]:
    """Every call of ours, as words."""
    text = re.sub(r">\n\s+", "", file.read_text("utf-8")).replace("\\\n", " ")
    text = re.sub(r"\n\s+(--[a-z])", r" \1", text)
    lines = [line[line.index("wellkept models") :] for line in text.splitlines() if "wellkept models" in line]
    return [shlex.split(line.split(" || ")[0]) for line in lines if not line.startswith("#")]


def test_both_have_a_check_and_a_retrain() -> None:
    assert {file.name for file in FILES} == {
        "github-actions.yml", "github-retrain.yml", "gitlab-ci.yml", "gitlab-retrain.yml",
    }  # fmt: skip


@pytest.mark.parametrize("file", GITHUB, ids=lambda file: file.name)
def test_a_workflow_of_github_has_what_it_needs(file: Path) -> None:
    workflow = read(file)

    assert workflow.keys() >= {"name", "on", "permissions", "jobs"}
    assert workflow["permissions"] == {"contents": "read"}, "no more than it needs"
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 360
        assert isinstance(job["runs-on"], str)
        for step in job["steps"]:
            assert ("run" in step) != ("uses" in step), step
            assert "uses" not in step or re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step["uses"])
            assert "client_payload" not in step.get("run", "").replace("jq -r '.client_payload", ""), (
                "a script injection"
            )


def test_the_retrain_of_github_starts_by_the_event_that_is_sent_and_hides_its_token() -> None:
    workflow = read(FOLDER / "github-retrain.yml")
    steps = workflow["jobs"]["retrain"]["steps"]

    assert workflow["on"] == {"repository_dispatch": {"types": ["retrain.requested"]}}
    assert "::add-mask::" in steps[0]["run"], "before anything could print it"
    assert [step.get("if") for step in steps[-2:]] == [None, "failure()"]


@pytest.mark.parametrize("file", GITLAB, ids=lambda file: file.name)
def test_a_pipeline_of_gitlab_has_what_it_needs(file: Path) -> None:
    for name, job in read(file).items():
        assert job.keys() >= {"image", "rules", "script", "timeout"}, name
        for key in ("before_script", "script", "after_script"):
            assert all(isinstance(line, str) for line in job.get(key, ["x"])), (name, key)
        assert all("if" in rule for rule in job["rules"])


def test_the_retrain_of_gitlab_reads_the_variable_that_is_sent() -> None:
    from wellkept.spine.webhooks.forms import VARIABLE

    job = read(FOLDER / "gitlab-retrain.yml")["model-retrain"]
    assert f"${VARIABLE}" in job["rules"][0]["if"]
    assert any(f'"${VARIABLE}"' in line for line in job["before_script"]), "quoted, or it would be split"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_command_and_option_exists(file: Path) -> None:
    found = commands(file)
    context = click.Context(cli)
    models = cli.get_command(context, "models")
    assert isinstance(models, click.Group)

    assert found
    for words in found:
        command = models.get_command(context, words[2])
        assert command is not None, words
        known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
        assert {word for word in words[3:] if word.startswith("--")} <= known, words
