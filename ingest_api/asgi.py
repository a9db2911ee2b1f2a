"""Hot routes under any ASGI server: the same intake as `connections.py`, the standard way."""

import asyncio
from typing import Any

from ingest_api.answers import PREFLIGHT, Answer, not_allowed
from ingest_api.bodies import ClientLeft, Receive, read_body
from ingest_api.intake import Intake
from ingest_api.requests import Request
from ingest_api.routes import Route
from ingest_api.senders import peer_of


async def answer_request(
    intake: Intake, route: Route, scope: dict[str, Any], receive: Receive, send: Any
) -> None:
    """Answer one request of a hot route."""
    method = scope["method"]
    if method != "POST" and not (method == "GET" and route.touch_type is not None):
        await _send(send, answer_without_body(route, method))
        return
    answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def reply(answer: Answer) -> None:
        if not answered.done():
            answered.set_result(answer)

    request = intake.begin(
        route, method, scope["query_string"], scope["headers"], peer_of(scope), reply
    )
    if intake.admit(request):
        try:
            await _read(intake, request, receive, answered)
        except ClientLeft:
            intake.abandon(request)
            return
        if not answered.done():
            intake.take(request)
    await _send(send, await answered)


def answer_without_body(route: Route, method: str) -> Answer:
    """Answer methods that carry nothing: a browser's question, and what a route does not have."""
    if method == "OPTIONS":
        return PREFLIGHT
    return not_allowed(b"GET, POST, OPTIONS" if route.touch_type else b"POST, OPTIONS")


async def _read(
    intake: Intake, request: Request, receive: Receive, answered: "asyncio.Future[Answer]"
) -> None:
    def on_size(size: int) -> bool:
        return not answered.done() and intake.grow(request, size)

    timeout_s = None if request.is_small else intake.body_timeout_seconds
    try:
        async with asyncio.timeout(timeout_s):
            request.wire, request.is_cut = await read_body(receive, intake.max_wire_bytes, on_size)
    except TimeoutError:
        raise ClientLeft from None


async def _send(send: Any, answer: Answer) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": answer.status,
            "headers": answer.all_headers(),
        }
    )
    await send({"type": "http.response.body", "body": answer.body})
