"""kill -9 while clients send: what was acknowledged is there exactly once, and nothing else is."""

import random
from signal import SIGCONT, SIGKILL, SIGSTOP

import pytest

from tests.e2e import dagster_runs
from tests.e2e.platform import App, Platform, wait_until
from tests.e2e.witness import Disagreement, Ledger, Witness, compare

pytestmark = [pytest.mark.stack, pytest.mark.kill]

BEFORE = AFTER = 30  # acknowledged requests before the kill and after healing
AGREED = Disagreement()


def assert_nothing_is_lost(platform: Platform, app: App, ledger: Ledger) -> None:
    synced = platform.sync()
    assert synced, f"{ledger}\n{synced}"
    assert compare(platform, app, ledger) == AGREED, str(ledger)
    assert ledger.without_retry_after == 0, str(ledger)


@pytest.mark.parametrize("component", ["kafka", "collector"])
def test_nothing_acknowledged_is_lost_when_the_way_in_is_killed(
    component: str, platform: Platform, witness_app: App
) -> None:
    with Witness(platform, witness_app).sending() as witness:
        witness.wait_for(BEFORE)
        pid = platform.kill(component)
        platform.wait_healed({component: pid})
        witness.wait_for(AFTER)
    assert_nothing_is_lost(platform, witness_app, witness.ledger)


def test_a_killed_collector_worker_costs_only_its_own_connections(
    platform: Platform, witness_app: App
) -> None:
    with Witness(platform, witness_app, threads=8).sending() as witness:
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
    assert witness.ledger.count("unknown") + witness.ledger.count("refused") <= 8
    assert_nothing_is_lost(platform, witness_app, witness.ledger)


def test_events_sent_again_after_a_broken_answer_count_once(
    platform: Platform, witness_app: App
) -> None:
    with Witness(platform, witness_app, resends=True).sending() as witness:
        witness.wait_for(BEFORE)
        pids = {"collector": platform.kill("collector")}
        platform.wait_healed(pids)
        witness.wait_for(AFTER)
    assert_nothing_is_lost(platform, witness_app, witness.ledger)


@pytest.mark.parametrize("component", ["clickhouse", "postgres", "dagster-code"])
def test_clients_do_not_notice_when_something_behind_the_stream_is_killed(
    component: str, platform: Platform, witness_app: App
) -> None:
    with Witness(platform, witness_app).sending() as witness:
        witness.wait_for(BEFORE)
        pid = platform.kill(component)
        platform.wait_healed({component: pid})
        witness.wait_for(AFTER)
    assert set(witness.ledger.statuses) == {200}, str(witness.ledger)
    assert_nothing_is_lost(platform, witness_app, witness.ledger)


def test_components_that_hold_no_events_heal_together(platform: Platform, witness_app: App) -> None:
    names = ("valkey", "control-api", "dagster-daemon", "dagster-webserver")
    with Witness(platform, witness_app).sending() as witness:
        witness.wait_for(BEFORE)
        pids = {name: platform.kill(name) for name in names}
        platform.wait_healed(pids)
        witness.wait_for(AFTER)
    assert set(witness.ledger.statuses) == {200}, str(witness.ledger)
    assert_nothing_is_lost(platform, witness_app, witness.ledger)


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
    assert_nothing_is_lost(platform, witness_app, witness.ledger)


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


def test_clients_of_a_broker_that_stands_still_are_asked_to_come_back(
    platform: Platform, witness_app: App
) -> None:
    broker = platform.pid("kafka")
    with Witness(platform, witness_app).sending() as witness:
        witness.wait_for(BEFORE)
        platform.signal(broker, SIGSTOP)
        try:
            wait_until(lambda: witness.ledger.statuses[503], seconds=45, what="503", pause=0.1)
        finally:
            platform.signal(broker, SIGCONT)
        witness.wait_for(AFTER)
    assert set(witness.ledger.statuses) == {200, 503}, str(witness.ledger)
    assert_nothing_is_lost(platform, witness_app, witness.ledger)
