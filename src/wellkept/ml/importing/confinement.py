"""Locking a process in before it opens what a stranger wrote: no network, no secrets, nothing to write but one folder.

Linux only, and without rights: Landlock (files may be read where Python and its libraries are, and written below one
folder), seccomp (no socket of any kind, no signal, no way out of the process group), no capabilities, no way to new
privileges, and limits of memory, files and time. All of it is for good, and for what the process starts, too.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import wellkept

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_FILTER = 38, 22, 2
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
READ = (1 << 0) | (1 << 2) | (1 << 3)
EVERYTHING = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""Every right to files that Landlock knows, by the version of its interface that brought it."""
TCP, OUTSIDE_SIGNALS_AND_SOCKETS = 0b11, 0b11
OF_A_FILE = (1 << 0) | (1 << 1) | (1 << 2) | (1 << 14)
AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
REFUSED_CALLS = {
    "x86_64": (41, 62, 101, 109, 112, 129, 200, 234, 297, 310, 311, 424, 425, 434),
    "aarch64": (198, 129, 117, 154, 157, 138, 130, 131, 240, 270, 271, 424, 425, 434),
}
"""The numbers of: socket, kill, ptrace, setpgid, setsid, rt_sigqueueinfo, tkill, tgkill, rt_tgsigqueueinfo,
process_vm_readv, process_vm_writev, pidfd_send_signal, io_uring_setup, pidfd_open. Who cannot leave the group of the
worker ends with it."""
PRLIMIT = {"x86_64": 302, "aarch64": 261}
X32 = 0x40000000
CAPABILITY_VERSION = 0x20080522
READABLE = (
    *("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/proc/self", "/proc/cpuinfo", "/proc/meminfo"),
    *("/proc/stat", "/sys/devices/system/cpu", "/dev/urandom", "/dev/random", "/dev/zero"),
)
MEMORY_BYTES, FILE_BYTES, FILES, SECONDS = 8 << 30, 2 << 30, 512, 300
KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class NotConfinedError(Exception):
    """A process cannot be locked in on this machine; says what is missing."""


def confine(folder: Path) -> None:
    """Lock this process in; it must have one thread still.

    Raises:
        NotConfinedError: a part of it is not to be had here. The process must not go on then.
    """
    if sys.platform != "linux" or platform.machine() not in AUDIT_ARCH:
        raise NotConfinedError("needs Linux on x86_64 or aarch64")
    if len(os.listdir("/proc/self/task")) != 1:  # noqa: PTH208 - the number of threads
        raise NotConfinedError("the process has more than one thread already")
    _forget(folder)
    for what, limit in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_NOFILE, FILES),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (limit, limit))
    libc = ctypes.CDLL(None, use_errno=True)
    _checked(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    _landlock(libc, folder)
    _checked(libc.capset(struct.pack("=Ii", CAPABILITY_VERSION, 0), bytes(24)), "dropping capabilities")
    _no_calls(libc)


def _forget(folder: Path) -> None:
    """Leave nothing of the environment but what libraries need; the home is the folder."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    os.environ.clear()
    os.environ.update({**kept, "HOME": str(folder), "TMPDIR": str(folder)})
    os.chdir(folder)


def _landlock(libc: ctypes.CDLL, folder: Path) -> None:
    version = libc.syscall(CREATE_RULESET, None, 0, 1)
    if version < 1:
        raise NotConfinedError("the kernel has no Landlock (5.13 or newer, and switched on)")
    rights = EVERYTHING[max(known for known in EVERYTHING if known <= version)]
    fields = [rights, TCP if version >= 4 else 0, OUTSIDE_SIGNALS_AND_SOCKETS if version >= 6 else 0]
    known = 8 * (3 if version >= 6 else 2 if version >= 4 else 1)
    rules = libc.syscall(CREATE_RULESET, struct.pack("=QQQ", *fields)[:known], known, 0)
    _checked(rules, "Landlock")
    for path in _readable():
        _allow(libc, rules, path, READ & rights)
    _allow(libc, rules, folder, rights)
    _allow(libc, rules, Path("/dev/null"), rights)
    _checked(libc.syscall(RESTRICT_SELF, rules, 0), "Landlock")
    os.close(rules)


def _readable() -> Iterator[Path]:
    """Where the interpreter, its libraries and this package lie; never the folder that a server was started in."""
    paths = sysconfig.get_paths()
    own = Path(wellkept.__file__).parent
    places = {*READABLE, sys.base_prefix, sys.prefix, own, *(paths[key] for key in ("stdlib", "purelib", "platlib"))}
    for place in sorted({str(place) for place in places}):
        if Path(place).exists():
            yield Path(place)


def _allow(libc: ctypes.CDLL, rules: int, path: Path, rights: int) -> None:
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        right = rights if path.is_dir() else rights & OF_A_FILE
        rule = struct.pack("=Qi", right, handle)
        _checked(libc.syscall(ADD_RULE, rules, 1, rule, 0), f"Landlock for {path}")
    finally:
        os.close(handle)


def _no_calls(libc: ctypes.CDLL) -> None:
    """A filter: no socket, no ring that could make one, no reach for other processes, no foreign numbers of calls."""
    machine = platform.machine()
    load, equal, at_least, answer = 0x20, 0x15, 0x35, 0x06
    refuse, allow, kill = 0x00050001, 0x7FFF0000, 0x80000000
    calls = REFUSED_CALLS[machine]
    ahead = len(calls)
    program: list[tuple[int, int, int, int]] = [
        (load, 0, 0, 4),
        (equal, 1, 0, AUDIT_ARCH[machine]),
        (answer, 0, 0, kill),
        (load, 0, 0, 0),
        (at_least, ahead + 3, 0, X32),
        *((equal, ahead + 2 - index, 0, call) for index, call in enumerate(calls)),
        (equal, 0, 3, PRLIMIT[machine]),
        (load, 0, 0, 16),  # whose limits: 0 is one's own
        (equal, 1, 0, 0),
        (answer, 0, 0, refuse),
        (answer, 0, 0, allow),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in program))
    filters = struct.pack("=HxxxxxxQ", len(program), ctypes.addressof(code))
    _checked(libc.prctl(PR_SET_SECCOMP, SECCOMP_FILTER, filters, 0, 0), "seccomp")


def _checked(result: int, what: str) -> None:
    if result < 0:
        raise NotConfinedError(f"{what} failed: {os.strerror(ctypes.get_errno())}")
