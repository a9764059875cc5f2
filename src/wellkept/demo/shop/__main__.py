"""``python -m wellkept.demo.shop run NAME FOLDER``: one process of the shop; ``... restart NAME FOLDER``: a new one."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from wellkept.demo.shop.settings import SERVICES, ShopSettings

OTHERS = ("load", "neighbour")
VICTIM = "features"


def main() -> None:
    """Run a process of the shop, or have its keeper start it anew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=("run", "restart"))
    parser.add_argument("name", choices=(*SERVICES, *OTHERS))
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    settings = ShopSettings.read(options.folder)
    if options.verb == "restart":
        from wellkept.demo.keeper import ask

        ask(settings, "restart", options.name)
    elif options.name == "neighbour":
        from wellkept.demo.shop.neighbour import squeeze

        squeeze(settings.pid_file(VICTIM))
    elif options.name == "load":
        _load(settings)
    else:
        _service(options.name, settings)


def _service(name: str, settings: ShopSettings) -> None:
    from wellkept.demo.shop.telemetry import traces_of
    from wellkept.demo.shop.web import App, serve

    traces = traces_of(name, settings)
    tracer = traces.provider.get_tracer(f"wellkept.demo.shop.{name}")
    routes = importlib.import_module(f"wellkept.demo.shop.{name}").routes(settings, tracer)
    serve(App(routes, tracer), settings.ports[name], settings.pid_file(name))
    traces.end()


def _load(settings: ShopSettings) -> None:
    from wellkept.demo.shop.load import Load
    from wellkept.demo.shop.web import App, serve

    load = Load(settings)
    serve(App(load.routes, None), settings.ports["load"], settings.pid_file("load"), load.run)


main()
