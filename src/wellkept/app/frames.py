"""Arrow without pandas: no frame of it comes to the server, and to load it is dear."""

from __future__ import annotations

import sys


def without_pandas() -> None:
    """Have Arrow look for pandas now, and find none; whoever imports pandas itself gets it.

    Arrow looks for it once, when it is first given values of Python, so that it knows frames when it sees some. As
    the engine brings pandas along, every server would load it: a quarter of a second, and 40 MB that stay.
    """
    import pyarrow as pa

    sys.meta_path.insert(0, _Absent)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(_Absent)


class _Absent:
    """A finder of modules for whom there is no pandas."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name=name)
