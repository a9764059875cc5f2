"""Write requirements-mlflow.lock: MLflow with all that it needs, for an environment of its own.

MLflow holds some packages below the versions that Wellkept needs, so the two do not fit into one environment. The pins
hold for every platform and every Python from 3.11 on, and name no place to fetch from.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "requirements-mlflow.lock"
HEAD = "# MLflow for its own environment (`make mlflow`), pinned with hashes; `make lock` writes this file anew.\n"
WANTED = ("mlflow>=3.17,<4", "lightgbm>=4.7", "skops>=0.16")
OPTIONS = [
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-annotate",
    "--no-header",
    "--upgrade",
    "--quiet",
]


def main() -> None:
    command = [sys.executable, "-m", "uv", "pip", "compile", "-", *OPTIONS]
    done = subprocess.run(
        command, cwd=ROOT, check=True, input="\n".join(WANTED) + "\n", stdout=subprocess.PIPE, text=True
    )
    LOCK.write_text(HEAD + done.stdout, "utf-8")
    pins = sum(line[:1].isalnum() for line in done.stdout.splitlines())
    print(f"{pins} packages pinned")


if __name__ == "__main__":
    main()
