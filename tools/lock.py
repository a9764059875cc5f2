"""Write requirements.lock: the newest versions that fit pyproject.toml, pinned with their hashes.

The pins hold for every platform and every Python from 3.11 on, and name no place to fetch from: that is the machine's
own setting, and the hashes make it irrelevant which place it is.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "requirements.lock"
HEAD = "# Pinned versions of everything, with hashes; `make lock` writes this file anew.\n"
OPTIONS = [
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-annotate",
    "--no-header",
    "--upgrade",
    "--quiet",
]


def pin(lock: Path, head: str, what: Sequence[str], given: str | None = None) -> None:
    """Write a lock of ``what`` (arguments of uv; ``-`` is what is ``given``), below a line that says what it is."""
    command = [sys.executable, "-m", "uv", "pip", "compile", *what, *OPTIONS]
    done = subprocess.run(command, cwd=ROOT, check=True, input=given, stdout=subprocess.PIPE, text=True)
    lock.write_text(head + done.stdout, "utf-8")
    pins = sum(line[:1].isalnum() for line in done.stdout.splitlines())
    print(f"{pins} packages pinned in {lock.name}")


if __name__ == "__main__":
    pin(LOCK, HEAD, ["pyproject.toml", "--extra=demo", "--extra=dev"])
