"""Print every route of the installed MLflow's server, one ``METHOD path`` a line; run by the interpreter that has it.

    .venv-mlflow/bin/python tools/mlflow_routes.py > tests/api/recorded/mlflow_routes.txt

The routes of its two halves (FastAPI, and Flask behind it) stand in one list, as a client sees them.
"""

import os
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator
from typing import Any


def routes_of(routes: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Method and path of every route of a FastAPI application, included routers among them."""
    for route in routes:
        if hasattr(route, "original_router"):
            yield from routes_of(route.original_router.routes, prefix + route.include_context.prefix)
        elif getattr(route, "methods", None):
            yield from ((method, prefix + route.path) for method in route.methods)


def main() -> None:
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{folder}/mlflow.sqlite",
            "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
            "_MLFLOW_SERVER_ARTIFACT_DESTINATION": folder,
            "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        }
        from mlflow.server import app as pages
        from mlflow.server.fastapi_app import app

        found = set(routes_of(app.routes))
        for rule in pages.url_map.iter_rules():
            path = re.sub(r"<(?:(\w+):)?(\w+)>", lambda m: f"{{{m[2]}{':path' if m[1] == 'path' else ''}}}", rule.rule)
            found |= {(method, path) for method in rule.methods}
    lines = [f"{method} {path}" for method, path in found if method not in ("HEAD", "OPTIONS")]
    sys.stdout.write("\n".join(sorted(lines, key=lambda line: line.split()[::-1])) + "\n")


if __name__ == "__main__":
    main()
