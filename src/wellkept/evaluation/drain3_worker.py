"""Run by the peer's own Python: python drain3_worker.py FOLDER SETTING TASK, and one JSON object comes out."""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path
from typing import Any


def main(folder: str, setting: str, task: str) -> dict[str, Any]:
    """Templates of each system's lines, each with a fresh miner; and seconds for the stream."""
    sys.path.insert(0, folder)
    import run  # type: ignore[import-not-found] # the peer's module, which knows its settings

    logging.disable(logging.CRITICAL)
    told = json.loads(Path(task).read_text(encoding="utf-8"))
    systems = {}
    for name, lines in told["systems"].items():
        miner = run.miner(setting)
        ids = [miner.add_log_message(line)["cluster_id"] for line in lines]
        texts = {cluster.cluster_id: run.plain(cluster.get_template()) for cluster in miner.drain.clusters}
        systems[name] = [texts[number] for number in ids]
    miner = run.miner(setting)
    began, began_cpu = time.perf_counter(), time.process_time()
    spent, lines = 0.0, 0
    for lines, line in enumerate(told["stream"], start=1):
        miner.add_log_message(line)
        if lines % 1000 == 0 and (spent := time.perf_counter() - began) > told["limit_s"]:
            break
    spent, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    clusters = len(miner.drain.clusters)
    return {"systems": systems, "lines": lines, "seconds": spent, "cpu_seconds": cpu, "clusters": clusters}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:4])))
