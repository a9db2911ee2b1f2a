"""A collector's address where a test decides what is answered."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Mood:
    """One answer; status 0 hangs up without any."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b'{"success": true}'


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def items(self) -> list[Any]:
        return list(json.loads(self.body)["batch"]) if self.body else [self.path]


@dataclass
class MoodyServer:
    """Answers what `mood` says to the n-th request, counted from 0, and remembers all."""

    mood: Callable[[int, Seen], Mood]
    seen: list[Seen] = field(default_factory=list)
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def moody_server(mood: Callable[[int, Seen], Mood]) -> Iterator[MoodyServer]:
    """Listen on a free port of this machine until the test is over."""
    server = MoodyServer(mood)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            seen = Seen(self.command, self.path, headers, body)
            with server.lock:
                number = len(server.seen)
                server.seen.append(seen)
                mood = server.mood(number, seen)
            if mood.status == 0:
                self.close_connection = True
                return
            self.send_response(mood.status)
            extra = {"x-accepted": str(len(seen.items))} if mood.status == 200 else {}
            for name, value in {**extra, **mood.headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(mood.body)))
            self.end_headers()
            self.wfile.write(mood.body)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    server.url = f"http://127.0.0.1:{listening.server_address[1]}"
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()
