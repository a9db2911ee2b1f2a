"""What lies in the folder of a market: the same for the same seed, whole or not at all."""

import base64
import gzip
import json
from hashlib import sha256

import polars as pl
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tests.fakes.simulated import START, played
from unmogrowp.errors import ConfigurationError
from unmogrowp.simulator import traffic
from unmogrowp.simulator.folder import MANIFEST, SKADNETWORK, read_manifest, write_market
from unmogrowp.simulator.generate import play
from unmogrowp.simulator.replay import read_requests
from unmogrowp.simulator.shapes import shape

DAY = 86_400_000


def written(folder, *, seed=5, users=400, shape_name="fraud_heavy_launch"):
    one = play(shape(shape_name), users=users, days=35, start_ms=START, seed=seed)
    return write_market(one, folder).manifest


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    folder = tmp_path_factory.mktemp("market")
    return folder, written(folder)


def test_the_same_seed_gives_the_same_bytes(market, tmp_path):
    folder, manifest = market
    assert written(tmp_path) == manifest
    for name in manifest["files"]:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def test_another_seed_gives_another_market(market, tmp_path):
    files = written(tmp_path, seed=6)["files"]
    assert all(files[name]["sha256"] != one["sha256"] for name, one in market[1]["files"].items())


def test_the_size_of_chunks_changes_nothing(market, tmp_path, monkeypatch):
    monkeypatch.setattr(traffic, "REQUESTS_PER_CHUNK", 97)
    assert written(tmp_path) == market[1]


def test_the_manifest_describes_the_files(market):
    folder, manifest = market
    for name, one in manifest["files"].items():
        content = (folder / name).read_bytes()
        if name.endswith(".gz"):
            content = gzip.decompress(content)
            assert content.count(b"\n") == one["rows"]
        elif name.endswith(".parquet"):
            assert pl.read_parquet(folder / name).height == one["rows"]
        assert len(content) == one["bytes"]
        assert sha256(content).hexdigest() == one["sha256"]


def test_counts_are_those_of_the_requests(market):
    folder, manifest = market
    counts, events, touches = manifest["counts"], [], 0
    for request in read_requests(folder):
        if "/batch" in request.path:
            events += [item["messageId"] for item in json.loads(bytes(request.body))["batch"]]
        elif request.method == "POST":
            touches += len(json.loads(bytes(request.body))["batch"])
        else:
            touches += 1
    assert (len(events), len(set(events))) == (counts["events_sent"], counts["events"])
    assert touches == counts["touches_sent"]
    assert counts["requests"] == manifest["files"]["requests.ndjson.gz"]["rows"]


def test_a_finished_market_is_not_overwritten_and_an_unfinished_one_is(market, tmp_path):
    folder, manifest = market
    with pytest.raises(ConfigurationError, match="holds a market already"):
        written(folder)
    written(tmp_path)
    (tmp_path / MANIFEST).unlink()
    with pytest.raises(ConfigurationError, match="no finished market"):
        read_manifest(tmp_path)
    assert written(tmp_path) == manifest
    assert read_manifest(tmp_path) == manifest


def test_other_peoples_files_are_left_alone(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(ConfigurationError, match="other files"):
        written(tmp_path)


def test_postbacks_are_signed_in_the_order_of_their_version(market):
    folder, manifest = market
    key = load_der_public_key(base64.b64decode(manifest["skadnetwork_public_key"]))
    assert isinstance(key, ec.EllipticCurvePublicKey)
    four = (
        "version", "ad-network-id", "source-identifier", "app-id", "transaction-id", "redownload",
        "source-app-id", "fidelity-type", "did-win", "postback-sequence-index",
    )  # fmt: skip
    three = (
        "version", "ad-network-id", "campaign-id", "app-id", "transaction-id", "redownload",
        "source-app-id", "fidelity-type", "did-win",
    )  # fmt: skip
    seen = set()
    for request in read_requests(folder, SKADNETWORK):
        body = json.loads(bytes(request.body))
        seen.add((body["version"], body["did-win"]))
        order = four if body["version"] == "4.0" else three
        values = [body[name] for name in order if name in body]
        text = "\u2063".join(
            str(value).lower() if isinstance(value, bool) else str(value) for value in values
        )
        signature = base64.b64decode(body["attribution-signature"])
        key.verify(signature, text.encode(), ec.ECDSA(SHA256()))
        with pytest.raises(InvalidSignature):
            key.verify(signature, text.encode() + b"x", ec.ECDSA(SHA256()))
    assert {("4.0", True), ("4.0", False), ("3.0", True)} <= seen


def test_postbacks_come_after_their_window_and_its_delay(market):
    folder, _ = market
    truth = pl.read_parquet(folder / "truth/postbacks.parquet")
    opened = dict(
        pl.read_parquet(folder / "truth/installs.parquet")
        .select("message_id", "installed_at")
        .iter_rows()
    )
    bodies = {
        body["transaction-id"]: body
        for body in (json.loads(bytes(one.body)) for one in read_requests(folder, SKADNETWORK))
    }
    windows = {0: (3 * DAY, 4 * DAY), 1: (8 * DAY, 13 * DAY), 2: (36 * DAY, 41 * DAY)}
    for transaction, message, did_win, arrives in truth.iter_rows():
        if did_win:
            index = bodies[transaction].get("postback-sequence-index", 0)
            least, most = windows[index]
            assert least <= arrives - opened[message] <= most
            assert ("conversion-value" in bodies[transaction]) <= (index == 0)


def test_totals_of_channels_are_the_sums_of_their_journeys(market):
    folder, _ = market
    journeys = pl.read_parquet(folder / "truth/journeys.parquet")
    totals = json.loads((folder / "truth/channels.json").read_text())
    sums = dict(journeys.group_by("media_source").agg(pl.col("contribution").sum()).iter_rows())
    for one in totals:
        assert sums.get(one["media_source"], 0.0) == pytest.approx(one["contribution"], abs=1e-6)


def test_a_late_replay_writes_the_sent_at_of_the_phones_clock(market):
    folder, _ = market
    request = next(one for one in read_requests(folder) if one.clock_offset_ms > 60_000)
    body = json.loads(request.body_at(START + 90 * DAY))
    before = json.loads(bytes(request.body))
    assert body["batch"] == before["batch"]
    assert body["sentAt"] != before["sentAt"]
    moment = pl.Series([body["sentAt"]]).str.to_datetime("%Y-%m-%dT%H:%M:%S%.3fZ")
    assert moment.dt.epoch("ms")[0] == START + 90 * DAY + request.clock_offset_ms


def test_a_cut_off_file_says_so(market, tmp_path):
    folder, _ = market
    content = (folder / "requests.ndjson.gz").read_bytes()
    (tmp_path / "requests.ndjson.gz").write_bytes(content[:-500])
    with pytest.raises(ConfigurationError, match="cannot be read"):
        list(read_requests(tmp_path))


def test_the_truth_is_there_for_every_market_size(tmp_path):
    manifest = written(tmp_path, users=1)
    assert manifest["counts"]["people"] == 1


def test_played_markets_do_not_depend_on_what_was_played_before():
    first = played("mature_app", users=50, days=5)
    played("fraud_heavy_launch", users=50, days=5)
    again = play(shape("mature_app"), users=50, days=5, start_ms=START, seed=11)
    assert again.events.equals(first.events)
