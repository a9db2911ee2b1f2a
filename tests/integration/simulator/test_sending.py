"""Sending a market: everything once and in order, whatever the collector says in between."""

import json
import time
from collections import Counter

import pytest
from typer.testing import CliRunner

from cli.main import build
from tests.fakes.landing import FrozenClock
from tests.fakes.moody_server import Mood, moody_server
from tests.fakes.simulated import START
from unmogrowp.errors import ConfigurationError, PermanentError, TransientError
from unmogrowp.simulator import sender
from unmogrowp.simulator.folder import write_market
from unmogrowp.simulator.generate import play
from unmogrowp.simulator.replay import read_requests
from unmogrowp.simulator.sender import Sender
from unmogrowp.simulator.sent import SentSoFar
from unmogrowp.simulator.shapes import shape

GOOD = Mood(200)
NOW = START + 40 * 86_400_000


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    folder = tmp_path_factory.mktemp("market")
    one = play(shape("mature_app"), users=200, days=4, start_ms=START, seed=2)
    manifest = write_market(one, folder).manifest
    return folder, manifest["counts"]


@pytest.fixture(autouse=True)
def small_slices(monkeypatch):
    monkeypatch.setattr(sender, "REQUESTS_PER_SLICE", 16)


def send(url, folder, *, skip=0, on_slice=lambda _: None, **options):
    one = Sender(url, "app", "wk", FrozenClock(NOW), sleep=lambda _: None, **options)
    return one.send(read_requests(folder, skip=skip), on_slice)


def ids(server):
    """Count items by what makes them one: message ids, and links or batches of touches."""
    found = Counter()
    for item in (item for seen in server.seen for item in seen.items):
        found[item.get("messageId") or json.dumps(item) if isinstance(item, dict) else item] += 1
    return found


def test_every_request_arrives_with_app_and_key_and_is_counted(market):
    folder, counts = market
    with moody_server(lambda *_: GOOD) as server:
        totals = send(server.url, folder)
    assert totals.requests == len(server.seen) == counts["requests"]
    assert totals.accepted_items == counts["events_sent"] + counts["touches_sent"]
    assert totals.is_clean
    assert all(seen.headers["authorization"] == "Basic d2s6" for seen in server.seen)
    links = [seen for seen in server.seen if seen.path != "/v1/batch"]
    assert all("app_id=app" in seen.path for seen in links)
    assert not any("{app_id}" in seen.path for seen in server.seen)


def test_one_connection_sends_in_the_order_of_the_file(market):
    folder, _ = market
    with moody_server(lambda *_: GOOD) as server:
        send(server.url, folder, connections=1)
    assert [seen.path for seen in server.seen] == [
        one.target("app") for one in read_requests(folder)
    ]


def test_phones_say_the_present_by_their_own_clocks(market):
    folder, _ = market
    with moody_server(lambda *_: GOOD) as server:
        send(server.url, folder, connections=1)
    for seen, recorded in zip(server.seen, read_requests(folder), strict=True):
        assert seen.body == recorded.body_at(NOW)


@pytest.mark.parametrize("status", [503, 429, 0], ids=["503", "429", "hung up"])
def test_what_may_be_tried_again_is_sent_until_it_is_taken(market, status):
    folder, counts = market
    waited = []

    def mood(number, _):
        return Mood(status, {"Retry-After": "7"}) if number % 5 == 3 else GOOD

    with moody_server(mood) as server:
        one = Sender(server.url, "app", "wk", FrozenClock(NOW), sleep=waited.append)
        totals = one.send(read_requests(folder))
    assert totals.requests == counts["requests"]
    assert totals.waits[status] == len(server.seen) - counts["requests"] > 0
    assert totals.is_clean
    # All connections are held back as long as the collector asked.
    assert max(waited) > (6.5 if status else 0.5)


def test_refusals_are_counted_with_their_reason_and_not_repeated(market):
    folder, counts = market
    refusal = Mood(413, body=b'{"error": "size.body", "detail": "too large"}')
    with moody_server(lambda number, _: refusal if number == 4 else GOOD) as server:
        totals = send(server.url, folder, connections=1)
    assert len(server.seen) == counts["requests"]
    assert totals.refused == {413: 1}
    assert not totals.is_clean
    assert "too large" in totals.reasons[0]


def test_an_unknown_key_ends_it_at_once(market):
    folder, counts = market
    with (
        moody_server(lambda *_: Mood(401, body=b"{}")) as server,
        pytest.raises(PermanentError, match="does not know this key"),
    ):
        send(server.url, folder)
    assert len(server.seen) <= 16 < counts["requests"]


def test_patience_ends_when_nothing_goes_forward(market):
    folder, _ = market
    with (
        moody_server(lambda *_: Mood(503)) as server,
        pytest.raises(TransientError, match="answers 503"),
    ):
        send(server.url, folder, patience_seconds=0.2)
    assert server.seen


def test_nobody_listening_is_said(market):
    with pytest.raises(TransientError, match="does not answer"):
        send("http://127.0.0.1:9", market[0], patience_seconds=0.1)
    with pytest.raises(ConfigurationError, match="no address"):
        send("localhost:8080", market[0])


def test_the_rate_is_not_exceeded(market):
    folder, counts = market
    started = time.monotonic()
    with moody_server(lambda *_: GOOD) as server:
        one = Sender(server.url, "app", "wk", FrozenClock(NOW), rate=counts["requests"] / 0.5)
        one.send(read_requests(folder))
    assert time.monotonic() - started >= 0.49


def run(folder, url, *more):
    result = CliRunner().invoke(
        build("simulate"),
        ["simulate", "send", str(folder), "--app-id", "app", "--url", url, "--json", *more],
        env={"UNMOGROWP_WRITE_KEY": "wk"},
    )
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, json.loads(result.stdout)


def test_an_interrupted_sending_goes_on_and_a_finished_one_has_nothing_left(market):
    folder, counts = market
    with (
        moody_server(lambda number, _: GOOD if number < 40 else Mood(401)) as server,
        pytest.raises(PermanentError),
    ):
        run(folder, server.url)
    reached = SentSoFar(folder, "app").count
    assert 0 < reached <= 40
    assert reached % 16 == 0

    with moody_server(lambda *_: GOOD) as server:
        code, answer = run(folder, server.url)
        assert (code, answer["sent_before"]) == (0, reached)
        assert answer["requests"] == len(server.seen) == counts["requests"] - reached
        code, answer = run(folder, server.url)
        assert (code, answer["requests"]) == (0, 0)
        code, answer = run(folder, server.url, "--again")
        assert answer["requests"] == counts["requests"]


def test_an_app_that_got_nothing_yet_begins_at_the_beginning(market):
    folder, _ = market
    SentSoFar(folder, "first").set(7)
    assert SentSoFar(folder, "second").count == 0
    assert SentSoFar(folder, "first").count == 7


def test_a_refusal_is_the_exit_code(market):
    folder, _ = market
    with moody_server(lambda number, _: Mood(400) if number == 0 else GOOD) as server:
        code, answer = run(folder, server.url, "--again")
    assert code == 1
    assert answer["refused_requests"] == {"400": 1}


def test_a_key_that_is_not_given_is_asked_for(market):
    result = CliRunner().invoke(
        build("simulate"), ["simulate", "send", str(market[0]), "--app-id", "app"]
    )
    assert isinstance(result.exception, ConfigurationError)
    assert "UNMOGROWP_WRITE_KEY" in str(result.exception)


def test_what_is_taken_is_the_same_whatever_the_answers_in_between(market):
    folder, _ = market
    with moody_server(lambda *_: GOOD) as server:
        send(server.url, folder)
    plain = ids(server)
    with moody_server(lambda number, _: Mood(503) if number % 3 == 0 else GOOD) as server:
        taken = []
        mood = server.mood

        def note(number, seen):
            answer = mood(number, seen)
            if answer.status == 200:
                taken.append(seen)
            return answer

        server.mood = note
        send(server.url, folder)
        server.seen = taken
    assert ids(server) == plain
