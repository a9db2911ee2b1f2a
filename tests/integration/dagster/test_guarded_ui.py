"""The guard in front of the real web server: what a foreign page could try, over real sockets."""

import asyncio
import http.client
import json
from urllib.parse import quote, urlsplit

import pytest
import websockets
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.running_stack import RunningStack

pytestmark = pytest.mark.stack

TERMINATE_ALL = 'mutation { terminateRuns(runIds: ["x"]) { __typename } }'


@pytest.fixture(scope="module")
def address(stack: RunningStack) -> str:
    return str(stack.components()["dagster-webserver"]["url"])


def ask(address, method, path, body=None, **headers):
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    try:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, sent)
        response = connection.getresponse()
        return response.status, response.read().decode(), dict(response.getheaders())
    finally:
        connection.close()


def test_the_page_opens_and_cannot_be_framed(address):
    status, body, headers = ask(address, "GET", "/")
    assert (status, headers["x-frame-options"]) == (200, "DENY")
    assert "<!DOCTYPE html>" in body


def test_a_program_may_query(address):
    body = json.dumps({"query": "{ version }"})
    status, answer, _ = ask(address, "POST", "/graphql", body, Content_Type="application/json")
    assert status == 200
    assert json.loads(answer)["data"]["version"]


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        pytest.param("GET", {}, 405, id="GET"),
        pytest.param("POST", {"Content_Type": "text/plain"}, 415, id="a form of plain text"),
        pytest.param("POST", {"Content_Type": "application/graphql"}, 415, id="bare GraphQL"),
        pytest.param(
            "POST",
            {"Content_Type": "application/json", "Origin": "http://evil.example"},
            403,
            id="a foreign origin",
        ),
        pytest.param(
            "POST",
            {"Content_Type": "application/json", "Host": "evil.example"},
            421,
            id="a name that was rebound to this address",
        ),
    ],
)
def test_a_mutation_by_a_foreign_page_is_refused(address, method, headers, status):
    path = f"/graphql?query={quote(TERMINATE_ALL)}"
    body = json.dumps({"query": TERMINATE_ALL}) if method == "POST" else None
    assert ask(address, method, path, body, **headers)[0] == status


def test_a_page_opened_with_a_mutation_in_its_address_executes_nothing(address):
    path = f"/graphql?query={quote(TERMINATE_ALL)}"
    status, body, _ = ask(address, "GET", path, Accept="text/html")
    assert status == 200
    assert "terminateRuns" not in body


async def subscribe(address, origin, query):
    uri = address.replace("http://", "ws://") + "/graphql"
    async with websockets.connect(uri, origin=origin, subprotocols=["graphql-ws"]) as socket:
        await socket.send(json.dumps({"type": "connection_init"}))
        await socket.send(json.dumps({"type": "start", "id": "1", "payload": {"query": query}}))
        answers = []
        try:
            while len(answers) < 2:
                answers.append(json.loads(await asyncio.wait_for(socket.recv(), 10)))
        except ConnectionClosed:
            pass
        return answers


def test_a_websocket_of_a_foreign_page_is_not_accepted(address):
    with pytest.raises(InvalidStatus) as raised:
        asyncio.run(subscribe(address, "http://evil.example", "subscription { __typename }"))
    assert raised.value.response.status_code == 403


def test_a_mutation_over_a_websocket_executes_nothing(address):
    answers = asyncio.run(subscribe(address, address, TERMINATE_ALL))
    assert answers[0] == {"type": "connection_ack"}
    assert all(answer["type"] == "error" for answer in answers[1:])
