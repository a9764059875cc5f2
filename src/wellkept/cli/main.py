"""The command ``wellkept``: a table of commands, each loaded only when it is called."""

from __future__ import annotations

import importlib
import os
import sys
from typing import NoReturn

import click

from wellkept import __version__

COMMANDS = {
    "up": "Start the platform on this machine.",
    "demo": "See both loops at work on real processes.",
    "agent": "Watch this host: metrics, logs, allow-listed actions.",
    "incidents": "List incidents, or show one.",
    "findings": "List what is suspicious, say what it was worth.",
    "diagnose": "Confirm the cause of an incident, learn from what was confirmed.",
    "silences": "Hold what matches for a time, list what is held and why.",
    "maintenance": "Windows in which work is done, once or again and again.",
    "grouping": "Rules of your own for what is one incident: suggest, try, save.",
    "systems": "List services and hosts with what is wrong with them, show one.",
    "detectors": "List detectors, explain one.",
    "query": "Evaluate PromQL: at a moment, or over time.",
    "logs": "Search what was logged.",
    "mcp": "Let an assistant on this machine ask the server.",
    "targets": "List what is scraped, and how that goes.",
    "approve": "See what waits for a person, and decide.",
    "simulate": "Watch and refresh the example models through simulated months.",
    "eval": "Measure detection on labelled data.",
    "replay": "Feed recorded telemetry through the platform.",
    "models": "Begin, check, train, show, promote and roll back models.",
    "watch": "Watch models that are served elsewhere: attach, list, detach.",
    "rules": "List rules and objectives, check and test yours.",
    "runbooks": "List runbooks, check one of yours.",
    "notify": "See who is told of incidents, test routes and receivers.",
    "tickets": "List tickets of incidents, see what became of each.",
    "webhooks": "List who is told of events, and what became of each delivery.",
    "audit": "Read the audit log, prove it intact.",
    "import": "Send files of telemetry or of lines to the server.",
    "export": "Take stored telemetry into a folder that can be replayed.",
    "doctor": "Look whether everything works, and what to do where it does not.",
    "backup": "Copy the data folder of a server while it runs.",
    "restore": "Make a data folder from a backup.",
    "config": "Check a configuration.",
    "token": "Print the page's address with its token.",
}
"""Name to one line of help; the module is ``wellkept.cli.<name>``, its attribute ``command``."""


class Lazy(click.Group):
    """A group whose help needs no command to be imported."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command = importlib.import_module(f"wellkept.cli.{name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="wellkept")
def cli() -> None:
    """Keep systems healthy and models accurate."""


def main() -> None:
    """Run a command. This is the edge at which every error becomes one line and an exit code."""
    from wellkept.kernel.errors import WellkeptError

    try:
        # Without standalone mode, click returns the code of ``context.exit(code)`` in place of ending the process.
        code = cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except WellkeptError as error:
        _stop(str(error), error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if os.environ.get("WELLKEPT_TRACE"):
            raise
        first_line = (str(error).splitlines() or [""])[0]
        _stop(f"{type(error).__name__}: {first_line}\nrun with WELLKEPT_TRACE=1 for the trace", 1)
    sys.exit(code if isinstance(code, int) else 0)


def _stop(message: str, code: int) -> NoReturn:
    click.secho("error: ", fg="red", err=True, nl=False)
    click.echo(message, err=True)
    sys.exit(code)
