"""Write requirements.lock: the newest versions that fit pyproject.toml, pinned with their hashes.

The pins hold for every platform and every Python from 3.11 on, and name no place to fetch from: that is the machine's
own setting, and the hashes make it irrelevant which place it is.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "requirements.lock"
HEAD = "# Pinned versions of everything, with hashes; `make lock` writes this file anew.\n"
OPTIONS = [
    "--extra=demo",
    "--extra=dev",
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-annotate",
    "--no-header",
    "--upgrade",
    "--quiet",
]


def main() -> None:
    command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", *OPTIONS]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    LOCK.write_text(HEAD + done.stdout, "utf-8")
    pins = sum(line[:1].isalnum() for line in done.stdout.splitlines())
    print(f"{pins} packages pinned")


if __name__ == "__main__":
    main()
