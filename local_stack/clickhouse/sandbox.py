"""Landlock: what this process can reach at all, whatever a statement talks the engine into.

Closed before the engine is imported, because the kernel binds the calling thread and those it
starts, and the import starts some. From then on files can be read and written in the data folder,
libraries and time zones can be read, and nothing else: not the environment, other configuration,
secrets or devices. No TCP connection can be opened, no program run, no signal sent outside.
docs/adr/0011 says what this does not cover.
"""

import ctypes
import os
import struct
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_PATH_BENEATH = 1
_VERSION_FLAG = 1
_NO_NEW_PRIVS = 38

EXECUTE = 1 << 0
WRITE_FILE = 1 << 1
READ_FILE = 1 << 2
READ_DIR = 1 << 3
_MAKE_DEVICES = (1 << 6) | (1 << 9) | (1 << 10) | (1 << 11)
REFER = 1 << 13
TRUNCATE = 1 << 14
IOCTL_DEV = 1 << 15

READ = READ_FILE | READ_DIR
# Everything but running programs, devices, sockets and fifos.
CHANGE = ((1 << 15) - 1) & ~EXECUTE & ~_MAKE_DEVICES
_FILE_RIGHTS = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV

# TCP came with Linux 6.7.
NETWORK_VERSION = 4
_NET_BIND_CONNECT = 3
_SCOPES = 3


@dataclass(frozen=True)
class Rule:
    """What may be done at and below a path."""

    path: Path
    access: int


@dataclass(frozen=True)
class Closed:
    """How far the kernel could close the sandbox."""

    version: int

    @property
    def network(self) -> bool:
        """Return whether TCP is closed too (Linux 6.7)."""
        return self.version >= NETWORK_VERSION

    def __str__(self) -> str:
        if not self.version:
            return "none"
        return f"Landlock {self.version}, {'files and network' if self.network else 'files only'}"


def rules(data: Path, config: Path) -> list[Rule]:
    """Return all that the server needs once its own modules are loaded."""
    libraries = {
        Path(sysconfig.get_path(n)) for n in ("stdlib", "platstdlib", "purelib", "platlib")
    }
    # Of /proc/self only the memory map, without which threads cannot measure their stack, and the
    # auxiliary vector, for which the engine otherwise searches the memory behind the environment
    # and crashes. Their neighbours environ, cmdline and fd say more, and stay closed.
    readable = [
        *sorted(libraries),
        *map(Path, ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/etc/ld.so.cache")),
        *map(Path, ("/usr/share/zoneinfo", "/etc/localtime", "/dev/urandom")),
        *map(
            Path,
            (
                "/sys/devices/system",
                "/sys/fs/cgroup",
                "/proc/sys/vm/overcommit_memory",
                "/proc/self/maps",
                "/proc/self/auxv",
            ),
        ),
        config,
    ]
    writable = [Rule(data, CHANGE), Rule(Path("/dev/null"), READ_FILE | WRITE_FILE)]
    return writable + [Rule(path, READ) for path in readable]


def version() -> int:
    """Return the kernel's Landlock version, 0 where it has none or it is switched off."""
    return max(0, _syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG))


def close(allowed: Iterable[Rule]) -> Closed:
    """Restrict this thread and all it will start. There is no way back.

    Raises:
        RuntimeError: Threads run already, which would stay free.
    """
    kernel = version()
    if not kernel:
        return Closed(0)
    if len(os.listdir("/proc/self/task")) != 1:
        raise RuntimeError("the sandbox must be closed before the first thread starts")
    handled = handled_access(kernel)
    attribute = ruleset_attribute(kernel)
    ruleset = _checked(_CREATE_RULESET, attribute, len(attribute), 0)
    for rule in allowed:
        if rule.path.exists():
            _add(ruleset, rule, handled)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    _checked(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
    return Closed(kernel)


def handled_access(kernel: int) -> int:
    """Return every right on files that this version can deny: what is not allowed is denied."""
    bits = 13 if kernel == 1 else 14 if kernel == 2 else 15 if kernel < 5 else 16
    return (1 << bits) - 1


def ruleset_attribute(kernel: int) -> bytes:
    """Return `struct landlock_ruleset_attr`, which grew with the versions."""
    fields = [handled_access(kernel)]
    if kernel >= 4:
        fields.append(_NET_BIND_CONNECT)
    if kernel >= 6:
        fields.append(_SCOPES)
    return struct.pack(f"={len(fields)}Q", *fields)


def _add(ruleset: int, rule: Rule, handled: int) -> None:
    access = rule.access & handled
    if not rule.path.is_dir():
        access &= _FILE_RIGHTS
    descriptor = os.open(rule.path, os.O_PATH | os.O_CLOEXEC)
    # Not closed: in /proc and /sys a rule lives only as long as somebody holds the entry.
    _checked(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", access, descriptor), 0)


def _checked(number: int, *arguments: int | bytes | None) -> int:
    result = _syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"landlock: {os.strerror(ctypes.get_errno())}")
    return result


def _syscall(number: int, *arguments: int | bytes | None) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    converted = [ctypes.c_long(a) if isinstance(a, int) else ctypes.c_char_p(a) for a in arguments]
    return int(libc.syscall(ctypes.c_long(number), *converted))
