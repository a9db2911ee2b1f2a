"""Stands in front of Dagster's web server, which trusts every request that reaches it.

Dagster executes mutations sent by GET and by forms, without a session or token: any page open in
a browser on this machine could launch or delete runs on localhost. Host and Origin are checked on
every path and on websockets, and `/graphql` takes JSON by POST only. Refusals say why.

Pure ASGI and outside of Dagster's application, so that no route of it, present or future, is
reached by another way.
"""

import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
# Fetch metadata of a browser: the request comes from our own page, or from the address bar.
_OWN_SITES = frozenset({"same-origin", "none"})


class Refused(Exception):
    """The request must not reach Dagster."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Guard:
    """Passes on requests of our own pages and of programs, and nothing a foreign page can send.

    Args:
        app: The application behind.
        allowed_hosts: Host names, besides those of this machine, under which it may be opened.
    """

    def __init__(self, app: Application, allowed_hosts: Iterable[str] = ()) -> None:
        self._app = app
        self._hosts = LOCAL_HOSTS | {host.lower().strip("[]") for host in allowed_hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        try:
            self._check(scope)
        except Refused as refusal:
            await _refuse(refusal, scope, receive, send)
            return
        if _is_graphql(scope["path"]):
            # What is in the query string is never a query: bodies are, and they were checked.
            scope = {**scope, "query_string": b""}
        await self._app(scope, receive, _unframed(send))

    def _check(self, scope: Scope) -> None:
        headers = _single_valued_headers(scope["headers"])
        host = headers.get("host", "")
        name, port = _host_and_port(host)
        if name not in self._hosts:
            raise Refused(421, "this Host is not one of this server's (setting allowed_hosts)")
        origin = headers.get("origin")
        if origin is not None and not _is_same_origin(origin, name, port):
            raise Refused(403, "foreign Origin")
        if scope["type"] == "http":
            _check_method(scope["method"], scope["path"], headers)


def _check_method(method: str, path: str, headers: dict[str, str]) -> None:
    site = headers.get("sec-fetch-site", "none")
    is_opening_a_page = headers.get("sec-fetch-mode") == "navigate" and method == "GET"
    if site not in _OWN_SITES and not is_opening_a_page:
        raise Refused(403, "sent by a page of another site")
    if method in {"GET", "HEAD"}:
        if _is_graphql(path) and (method == "HEAD" or "text/html" not in headers.get("accept", "")):
            raise Refused(405, "GraphQL is answered to POST with application/json only")
        return
    if method != "POST":
        raise Refused(405, f"{method} is not used here")
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Refused(415, "POST takes application/json only")


def _single_valued_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the headers; two different readers of a repeated one could see different values."""
    found: dict[str, str] = {}
    watched = {"host", "origin", "content-type", "accept", "sec-fetch-site", "sec-fetch-mode"}
    for name, value in raw:
        key = name.decode("latin-1").lower()
        if key in watched:
            if key in found:
                raise Refused(400, f"more than one {key} header")
            found[key] = value.decode("latin-1").strip()
    return found


def _host_and_port(host: str) -> tuple[str, int | None]:
    try:
        parts = urlsplit(f"//{host}")
        port = parts.port
    except ValueError:
        raise Refused(400, "malformed Host") from None
    if parts.username is not None or parts.path or parts.query or parts.fragment:
        raise Refused(400, "malformed Host")
    return (parts.hostname or "").lower(), port


def _is_same_origin(origin: str, host: str, port: int | None) -> bool:
    """Return whether an Origin is the page's own host and port; `null` is foreign.

    The scheme may differ from ours: a proxy in front may speak TLS.
    """
    try:
        parts = urlsplit(origin)
        origin_port = parts.port
    except ValueError:
        return False
    default = _DEFAULT_PORTS.get(parts.scheme)
    if default is None or parts.hostname is None:
        return False
    return parts.hostname.lower() == host and (origin_port or default) == (port or default)


def _is_graphql(path: str) -> bool:
    return "graphql" in (part.lower() for part in path.split("/"))


def _unframed(send: Send) -> Send:
    """Forbid frames: a foreign page must not lay ours under its visitor's clicks."""

    async def send_with_header(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [*message.get("headers", []), (b"x-frame-options", b"DENY")]
            message = {**message, "headers": headers}
        await send(message)

    return send_with_header


async def _refuse(refusal: Refused, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 4403, "reason": str(refusal)})
        return
    body = json.dumps({"error": str(refusal)}).encode()
    await send(
        {
            "type": "http.response.start",
            "status": refusal.status,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
                (b"cache-control", b"no-store"),
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})
