"""What stands for the demo in the tests of ownership: it starts the keeper, says which processes run, and waits."""

import signal
import sys
import threading
from pathlib import Path

import psutil

from wellkept.demo.keeper import ask
from wellkept.demo.run import kept, wait_for_keeper
from wellkept.demo.shop.settings import ShopSettings

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # who starts the tests by nohup has it ignored
    folder = Path(sys.argv[1])
    settings = ShopSettings.read(folder)
    with kept(folder) as keeper:
        wait_for_keeper(settings)
        for name in sys.argv[2:]:
            ask(settings, "start", name)
        mine = [keeper.pid, *(child.pid for child in psutil.Process(keeper.pid).children(recursive=True))]
        print(*mine, flush=True)
        threading.Event().wait()
