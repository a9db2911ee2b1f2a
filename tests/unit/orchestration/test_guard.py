"""Every way around the guard that was found, and what must still work."""

import asyncio
import json

import pytest

from orchestration.guard import Guard

JSON = [("content-type", "application/json")]
HOST = [("host", "127.0.0.1:3000")]
OWN_ORIGIN = [("origin", "http://127.0.0.1:3000")]


class Behind:
    """Stands for Dagster; remembers the scopes that reached it."""

    def __init__(self):
        self.scopes = []

    async def __call__(self, scope, receive, send):
        self.scopes.append(scope)
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"ok"})


def ask(method="GET", path="/", headers=(), query=b"", kind="http", allowed_hosts=()):
    behind = Behind()
    sent = []

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)

    scope = {
        "type": kind,
        "path": path,
        "query_string": query,
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }
    if kind == "http":
        scope["method"] = method
    asyncio.run(Guard(behind, allowed_hosts)(scope, receive, send))
    return behind.scopes, sent


MUTATION = b"query=mutation{launchRun}"


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        pytest.param({"path": "/graphql", "query": MUTATION, "headers": HOST}, 405, id="GET"),
        pytest.param({"path": "/graphql/", "query": MUTATION, "headers": HOST}, 405, id="slash"),
        pytest.param({"path": "//graphql", "query": MUTATION, "headers": HOST}, 405, id="slashes"),
        pytest.param({"method": "HEAD", "path": "/graphql", "headers": HOST}, 405, id="HEAD"),
        pytest.param({"method": "PUT", "headers": [*HOST, *JSON]}, 405, id="PUT"),
        pytest.param({"method": "OPTIONS", "path": "/graphql", "headers": HOST}, 405, id="CORS"),
        pytest.param({"method": "POST", "path": "/graphql", "headers": HOST}, 415, id="no type"),
        pytest.param(
            {
                "method": "POST",
                "path": "/graphql",
                "query": MUTATION,
                "headers": [*HOST, ("content-type", "text/plain")],
            },
            415,
            id="plain text with the query in the URL",
        ),
        pytest.param(
            {
                "method": "POST",
                "path": "/graphql",
                "headers": [*HOST, ("content-type", "text/plain; application/json")],
            },
            415,
            id="a simple type that merely contains application/json",
        ),
        pytest.param(
            {
                "method": "POST",
                "path": "/graphql",
                "headers": [*HOST, ("content-type", "application/graphql")],
            },
            415,
            id="application/graphql",
        ),
        pytest.param(
            {
                "method": "POST",
                "path": "/graphql",
                "headers": [*HOST, *JSON, ("content-type", "text/plain")],
            },
            400,
            id="two content types",
        ),
        pytest.param(
            {"method": "POST", "path": "/report_asset_materialization/x", "headers": HOST},
            415,
            id="reporting a materialization from a form",
        ),
        pytest.param({"headers": [("host", "evil.example:3000")]}, 421, id="rebound Host"),
        pytest.param({"headers": []}, 421, id="no Host"),
        pytest.param({"headers": [*HOST, ("host", "evil.example")]}, 400, id="two Hosts"),
        pytest.param({"headers": [("host", "127.0.0.1@evil.example")]}, 400, id="user in Host"),
        pytest.param({"headers": [("host", "127.0.0.1.evil.example")]}, 421, id="Host as prefix"),
        pytest.param(
            {
                "method": "POST",
                "path": "/graphql",
                "headers": [*HOST, *JSON, ("origin", "http://evil.example")],
            },
            403,
            id="foreign Origin",
        ),
        pytest.param(
            {"method": "POST", "headers": [*HOST, *JSON, ("origin", "null")]}, 403, id="null Origin"
        ),
        pytest.param(
            {"method": "POST", "headers": [*HOST, *JSON, ("origin", "http://127.0.0.1:8000")]},
            403,
            id="another port of this machine",
        ),
        pytest.param(
            {"headers": [*HOST, ("origin", "http://evil.example")], "path": "/logs/x"},
            403,
            id="foreign Origin on any path",
        ),
        pytest.param(
            {"headers": [*HOST, ("sec-fetch-site", "cross-site")], "path": "/logs/x"},
            403,
            id="a picture or script of another site",
        ),
        pytest.param(
            {
                "method": "POST",
                "headers": [
                    *HOST,
                    *JSON,
                    ("sec-fetch-site", "same-site"),
                    ("sec-fetch-mode", "navigate"),
                ],
            },
            403,
            id="a form of a neighbouring site",
        ),
    ],
)
def test_what_a_foreign_page_can_send_never_reaches_dagster(arguments, status):
    reached, sent = ask(**arguments)
    assert reached == []
    assert sent[0]["status"] == status
    assert json.loads(sent[1]["body"])["error"]


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([*HOST, ("origin", "http://evil.example")], id="foreign Origin"),
        pytest.param([("host", "evil.example")], id="foreign Host"),
        pytest.param([*HOST, ("origin", "null")], id="null Origin"),
    ],
)
def test_a_foreign_websocket_is_closed_before_it_is_accepted(headers):
    reached, sent = ask(kind="websocket", path="/graphql", headers=headers)
    assert reached == []
    assert [message["type"] for message in sent] == ["websocket.close"]


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param({"headers": HOST}, id="opening the page"),
        pytest.param(
            {
                "headers": [
                    *HOST,
                    ("sec-fetch-site", "cross-site"),
                    ("sec-fetch-mode", "navigate"),
                ]
            },
            id="following a link from the documentation",
        ),
        pytest.param(
            {"method": "POST", "path": "/graphql", "headers": [*HOST, *JSON, *OWN_ORIGIN]},
            id="the UI",
        ),
        pytest.param(
            {
                "method": "POST",
                "path": "/graphql",
                "headers": [*HOST, ("content-type", "application/json; charset=utf-8")],
            },
            id="a program without an Origin",
        ),
        pytest.param(
            {"kind": "websocket", "path": "/graphql", "headers": [*HOST, *OWN_ORIGIN]},
            id="live updates of the UI",
        ),
        pytest.param(
            {
                "method": "POST",
                "headers": [
                    ("host", "dagster.example"),
                    ("origin", "https://dagster.example"),
                    *JSON,
                ],
                "allowed_hosts": ["Dagster.example"],
            },
            id="an allowed name behind a TLS proxy",
        ),
        pytest.param({"headers": [("host", "[::1]:3000")]}, id="IPv6 loopback"),
    ],
)
def test_our_own_pages_and_programs_are_served(arguments):
    reached, _ = ask(**arguments)
    assert len(reached) == 1


def test_a_query_in_the_url_never_reaches_dagster_even_where_the_page_is_opened():
    reached, _ = ask(path="/graphql", query=MUTATION, headers=[*HOST, ("accept", "text/html")])
    assert reached[0]["query_string"] == b""


def test_pages_may_not_be_framed():
    _, sent = ask(headers=HOST)
    assert (b"x-frame-options", b"DENY") in sent[0]["headers"]
