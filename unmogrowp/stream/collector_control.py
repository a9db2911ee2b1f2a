"""Asks every collector of this machine for its report at once (`sync` fixes an instant with it)."""

import http.client
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from unmogrowp.errors import SinkUnavailable


@dataclass(frozen=True, slots=True)
class ReportPlace:
    """Where the report of one collector is in the stream: land up to beyond it."""

    collector_id: str
    boot_id: str
    sequence: int
    topic: str
    topic_id: str
    partition: int
    offset: int


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def request_reports(
    folder: Path, received_before_ms: int, timeout_s: float = 30.0
) -> list[ReportPlace]:
    """Return one place per collector with a live socket in `folder` (`<home>/run/collector`).

    A socket nobody listens on belongs to a worker that died: its boot ends without a final
    report, which the audits know how to read.

    Raises:
        SinkUnavailable: A live collector could not report in time.
    """
    sockets = sorted(folder.glob("*.sock")) if folder.is_dir() else []
    if not sockets:
        return []
    with ThreadPoolExecutor(len(sockets)) as pool:
        answers = pool.map(lambda path: _ask(path, received_before_ms, timeout_s), sockets)
        return [answer for answer in answers if answer is not None]


def _ask(path: Path, received_before_ms: int, timeout_s: float) -> ReportPlace | None:
    connection = _UnixConnection(path, timeout_s)
    try:
        connection.connect()
    except (ConnectionRefusedError, FileNotFoundError):
        return None
    except OSError as error:
        raise SinkUnavailable(f"{path.name}: {error}") from error
    try:
        connection.request("POST", f"/report?received_before={received_before_ms}")
        response = connection.getresponse()
        body = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise SinkUnavailable(f"{path.name} did not report: {type(error).__name__}") from error
    finally:
        connection.close()
    if response.status != 200:
        raise SinkUnavailable(f"{path.name} did not report: {body.get('error')}")
    return ReportPlace(**body)
