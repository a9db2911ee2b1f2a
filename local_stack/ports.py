"""Choosing ports: the preferred one, else the next free one, the same again at the next start."""

import secrets
import socket
from collections.abc import Callable, Collection
from pathlib import Path

LOOPBACK = "127.0.0.1"
SEARCHED = 200
LOWEST = 10_000  # below lie the ports that programs are known by
DEFAULT_FIRST_OUTGOING = 32_768


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Tell whether a server could listen on the port now.

    SO_REUSEADDR as servers set it (connections in TIME_WAIT do not count); a listener with
    SO_REUSEPORT, which a gRPC server is, still makes this bind fail.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
        return True


def choose_port(
    preferred: int, taken: Collection[int] = (), is_free: Callable[[int], bool] = is_free
) -> int:
    """Return the preferred port, or the next one that is free and not in `taken`.

    0 means any free port.

    Raises:
        OSError: Nothing is free in the next 200 ports.
    """
    if preferred == 0:
        return any_free_port(taken)
    for port in range(preferred, min(preferred + SEARCHED, 65536)):
        if port not in taken and is_free(port):
            return port
    raise OSError(f"no free port from {preferred} on")


def any_free_port(taken: Collection[int] = ()) -> int:
    """Return a free port that no outgoing connection will be given.

    The operating system's own choice lies among the ports it also gives to outgoing connections:
    while a killed server restarts, a client could get its port.
    """
    span = _first_outgoing_port() - LOWEST
    for _ in range(SEARCHED):
        port = LOWEST + secrets.randbelow(span)
        if port not in taken and is_free(port):
            return port
    raise OSError("no free port")


def _first_outgoing_port() -> int:
    try:
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError):
        return DEFAULT_FIRST_OUTGOING
    return first if first > LOWEST + SEARCHED else DEFAULT_FIRST_OUTGOING
