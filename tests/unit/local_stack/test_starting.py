from collections.abc import Mapping

import pytest

from local_stack import starting
from local_stack.starting import StartFailed, Step, chosen_steps, start_all
from local_stack.supervision import ProgramState


class FakePrograms:
    """Programs that run as soon as they are started, or end again and again."""

    def __init__(self, ends: str = "", fatal: str = "") -> None:
        self.started: list[str] = []
        self._ends = ends
        self._fatal = fatal
        self._pid = 100

    def start_program(self, name: str) -> None:
        self.started.append(name)

    def states(self) -> Mapping[str, ProgramState]:
        self._pid += 1
        return {
            name: ProgramState(
                "FATAL" if name == self._fatal else "RUNNING",
                self._pid if name == self._ends else 7,
                "",
            )
            for name in self.started
        }


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(starting, "PROBE_PAUSE_SECONDS", 0.001)


def component(name: str, *after: str, timeout: float = 5, ready: bool = True) -> Step:
    return Step(name, after, is_ready=lambda: ready, is_program=True, timeout_seconds=timeout)


def ignore(_name: str, _state: str, _seconds: float) -> None:
    pass


def test_each_step_begins_after_what_it_needs_is_ready() -> None:
    events: list[tuple[str, str]] = []
    programs = FakePrograms()
    steps = [
        component("collector", "topics"),
        Step("topics", ("kafka",), run=lambda: None),
        component("kafka"),
        component("valkey"),
    ]
    start_all(steps, programs, lambda name, state, _: events.append((name, state)))
    assert set(programs.started) == {"collector", "kafka", "valkey"}
    assert events.index(("kafka", "ready")) < events.index(("topics", "starting"))
    assert events.index(("topics", "ready")) < events.index(("collector", "starting"))


def test_a_component_that_ends_again_and_again_fails_the_start() -> None:
    with pytest.raises(StartFailed, match="kafka ends again and again") as failure:
        start_all([component("kafka", ready=False)], FakePrograms(ends="kafka"), ignore)
    assert failure.value.name == "kafka"


def test_a_component_the_supervisor_gave_up_fails_the_start() -> None:
    with pytest.raises(StartFailed, match="kafka does not start"):
        start_all([component("kafka", ready=False)], FakePrograms(fatal="kafka"), ignore)


def test_a_component_that_is_not_ready_in_time_fails_the_start() -> None:
    with pytest.raises(StartFailed, match="kafka was not ready within 0 s"):
        start_all([component("kafka", ready=False, timeout=0.05)], FakePrograms(), ignore)


def test_a_preparation_that_fails_gives_its_own_error() -> None:
    def fail() -> None:
        raise ValueError("topics are not possible")

    with pytest.raises(ValueError, match="topics are not possible"):
        start_all([Step("topics", (), run=fail)], FakePrograms(), ignore)


def test_a_need_that_nobody_meets_is_told_and_not_waited_for() -> None:
    with pytest.raises(StartFailed, match="collector wait for steps that do not exist"):
        start_all([component("collector", "nothing")], FakePrograms(), ignore)


def names(steps: list[Step]) -> set[str]:
    return {step.name for step in steps}


def test_chosen_components_bring_what_they_need_and_their_preparations() -> None:
    steps = [
        component("kafka"),
        component("postgres"),
        component("collector", "topics", "schema"),
        Step("topics", ("kafka",), run=lambda: None),
        Step("databases", ("postgres",), run=lambda: None),
        Step("schema", ("databases",), run=lambda: None),
    ]
    assert names(chosen_steps(steps, [])) == names(steps)
    assert names(chosen_steps(steps, ["kafka"])) == {"kafka", "topics"}
    assert names(chosen_steps(steps, ["postgres"])) == {"postgres", "databases", "schema"}
    assert names(chosen_steps(steps, ["collector"])) == names(steps)
