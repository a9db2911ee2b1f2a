"""kill -9 while clients send: what was acknowledged is there exactly once, and nothing else is."""

import random
from collections.abc import Mapping
from signal import SIGCONT, SIGKILL, SIGSTOP

import pytest

from tests.e2e import dagster_runs
from tests.e2e.platform import App, Platform, wait_until
from tests.e2e.witness import Disagreement, Ledger, Witness, compare

pytestmark = [pytest.mark.stack, pytest.mark.kill]

BEFORE = AFTER = 30  # acknowledged requests before the kill and after healing
AGREED = Disagreement()
BEHIND_THE_STREAM = (
    ("clickhouse",),
    ("postgres",),
    ("dagster-code",),
    ("valkey", "control-api", "dagster-daemon", "dagster-webserver"),
)


def assert_nothing_is_lost(platform: Platform, app: App, ledgers: Mapping[str, Ledger]) -> None:
    """Run the pipeline once, then hold every ledger against the tables."""
    seen = "\n".join(f"{killed}: {ledger}" for killed, ledger in ledgers.items())
    synced = platform.sync()
    found = {killed: compare(platform, app, ledger) for killed, ledger in ledgers.items()}
    assert found == dict.fromkeys(ledgers, AGREED), f"{seen}\n{synced}"
    assert synced, f"{seen}\n{synced}"
    assert {killed: one.without_retry_after for killed, one in ledgers.items()} == dict.fromkeys(
        ledgers, 0
    ), seen


def killed_while_sending(
    platform: Platform, app: App, *names: str, resends: bool = False
) -> Ledger:
    """Kill components at once while a witness sends; return its ledger once all is healed."""
    with Witness(platform, app, resends=resends).sending() as witness:
        witness.wait_for(BEFORE)
        platform.wait_healed({name: platform.kill(name) for name in names})
        witness.wait_for(AFTER)
    return witness.ledger


def worker_killed_while_sending(platform: Platform, app: App) -> Ledger:
    """Kill one worker of the collector; the others serve on and it is replaced."""
    with Witness(platform, app, threads=8).sending() as witness:
        witness.wait_for(BEFORE)
        master = platform.pid("collector")
        workers = platform.workers("collector")
        victim = max(workers)
        platform.signal(victim, SIGKILL)
        witness.wait_for(AFTER)
        wait_until(
            lambda: len(set(platform.workers("collector")) - {victim}) >= len(workers),
            seconds=30,
            what="the worker is replaced",
        )
        assert platform.pid("collector") == master
    return witness.ledger


def broker_stopped_while_sending(platform: Platform, app: App) -> Ledger:
    """Let the broker stand still until clients hear of it, then go on."""
    broker = platform.pid("kafka")
    with Witness(platform, app).sending() as witness:
        witness.wait_for(BEFORE)
        platform.signal(broker, SIGSTOP)
        try:
            wait_until(lambda: witness.ledger.statuses[503], seconds=45, what="503", pause=0.1)
        finally:
            platform.signal(broker, SIGCONT)
        witness.wait_for(AFTER)
    return witness.ledger


def test_nothing_acknowledged_is_lost_when_the_way_in_is_killed(
    platform: Platform, witness_app: App
) -> None:
    ledgers = {
        "kafka": killed_while_sending(platform, witness_app, "kafka"),
        "collector": killed_while_sending(platform, witness_app, "collector"),
        "sent again": killed_while_sending(platform, witness_app, "collector", resends=True),
        "worker": worker_killed_while_sending(platform, witness_app),
        "standstill": broker_stopped_while_sending(platform, witness_app),
    }
    # A worker costs only its own connections; a broker that stands still is a 503, never a 500.
    worker, standstill = ledgers["worker"], ledgers["standstill"]
    assert worker.count("unknown") + worker.count("refused") <= 8, str(worker)
    assert set(standstill.statuses) == {200, 503}, str(standstill)
    assert_nothing_is_lost(platform, witness_app, ledgers)


def test_clients_do_not_notice_when_something_behind_the_stream_is_killed(
    platform: Platform, witness_app: App
) -> None:
    ledgers = {
        ", ".join(names): killed_while_sending(platform, witness_app, *names)
        for names in BEHIND_THE_STREAM
    }
    answers = {killed: set(ledger.statuses) for killed, ledger in ledgers.items()}
    assert answers == {killed: {200} for killed in ledgers}
    assert_nothing_is_lost(platform, witness_app, ledgers)


def test_a_landing_run_killed_in_the_middle_is_repeated_without_a_trace(
    platform: Platform, witness_app: App
) -> None:
    witness = Witness(platform, witness_app, threads=4, batch_size=400, pause_seconds=0)
    with witness.sending():
        witness.wait_for(300)
        sync = platform.start("sync", "--timeout", "300")
        run_id, pid = wait_until(
            lambda: _landing_step(platform), seconds=120, what="a landing run works", pause=0.05
        )
        pause = random.Random(run_id).uniform(0, 0.4)
        witness.wait_for(int(pause * 50))
        platform.signal(pid, SIGKILL)
    sync.communicate(timeout=330)  # however it ends: it was not promised to outlive its run
    assert_nothing_is_lost(platform, witness_app, {"landing run": witness.ledger})


def _landing_step(platform: Platform) -> tuple[str, int] | None:
    """Return a landing run and its process as soon as its step works."""
    for run_id in dagster_runs.runs_under_way(platform, LANDING_JOB):
        events = dagster_runs.run_events(platform, run_id)
        pid = dagster_runs.worker_pid(events)
        kinds = {kind for kind, _ in events}
        if pid is not None and "ExecutionStepStartEvent" in kinds:
            return run_id, pid
    return None


LANDING_JOB = "ingest_job"
