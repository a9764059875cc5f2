"""Write requirements.lock: the newest versions that fit pyproject.toml, pinned, without any registry's address."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
HEAD = "# Pinned versions of everything; `make lock` writes this file anew.\n"


def main() -> None:
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        target = f"{ROOT}[demo,dev]"
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
        subprocess.run([*command, "--report", report.name, target], check=True)
        found = json.loads(Path(report.name).read_text())["install"]
    pins = sorted(
        f"{item['metadata']['name'].lower()}=={item['metadata']['version']}"
        for item in found
        if item["metadata"]["name"] != "wellkept"
    )
    (ROOT / "requirements.lock").write_text(HEAD + "\n".join(pins) + "\n")
    print(f"{len(pins)} packages pinned")


if __name__ == "__main__":
    main()
