"""Starts components in dependency order, each as soon as what it needs is ready."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal, Protocol

from local_stack.supervision import ProgramState
from unmogrowp.errors import TransientError

StepState = Literal["waiting", "starting", "ready"]
Report = Callable[[str, StepState, float], None]

POLL_SECONDS = 0.1
PROBE_PAUSE_SECONDS = 0.2
TIMEOUT_SECONDS = 300
# A component that ended so often while it started will not start by waiting longer.
MOST_ATTEMPTS = 3


class Programs(Protocol):
    """What is asked of the supervisor."""

    def start_program(self, name: str) -> None:
        """Start a program without waiting."""
        ...

    def states(self) -> Mapping[str, ProgramState]:
        """Return the state of every program."""
        ...


@dataclass
class Step:
    """A component (`is_ready` is asked until it says so) or a preparation (`run` once)."""

    name: str
    after: tuple[str, ...]
    is_ready: Callable[[], bool] | None = None
    run: Callable[[], None] | None = None
    is_program: bool = False
    timeout_seconds: float = TIMEOUT_SECONDS
    began_at: float = field(default=0, init=False)
    asked_at: float = field(default=0, init=False)
    pending: Future[bool] | None = field(default=None, init=False)
    pids: set[int] = field(default_factory=set, init=False)


class StartFailed(TransientError):
    """A component did not become ready; `name` says which."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name} {why}")
        self.name = name


def chosen_steps(steps: Sequence[Step], only: Collection[str]) -> list[Step]:
    """Return the steps of some components: those, what they need, and what only these need.

    A preparation (schemas, topics) comes along when everything it follows is there.
    """
    if not only:
        return list(steps)
    by_name = {step.name: step for step in steps}
    chosen: set[str] = set()
    open_names = list(only)
    while open_names:
        name = open_names.pop()
        if name not in chosen:
            chosen.add(name)
            open_names += by_name[name].after
    for step in steps:
        if step.run is not None and chosen.issuperset(step.after):
            chosen.add(step.name)
    return [step for step in steps if step.name in chosen]


def start_all(steps: Sequence[Step], programs: Programs, report: Report) -> None:
    """Run every step; return when all are ready.

    Raises:
        StartFailed: One ended again and again, or was not ready in time.
    """
    waiting = list(steps)
    starting: list[Step] = []
    ready: set[str] = set()
    pool = ThreadPoolExecutor(len(steps) or 1, thread_name_prefix="start")
    try:
        while waiting or starting:
            for step in [step for step in waiting if ready.issuperset(step.after)]:
                waiting.remove(step)
                starting.append(step)
                _begin(step, programs, pool)
                report(step.name, "starting", 0)
            if not starting:
                blocked = ", ".join(step.name for step in waiting)
                raise StartFailed(blocked, "wait for steps that do not exist")
            for step in [step for step in starting if _is_finished(step, pool)]:
                starting.remove(step)
                ready.add(step.name)
                report(step.name, "ready", time.monotonic() - step.began_at)
            _fail_on_hopeless(starting, programs)
            time.sleep(POLL_SECONDS)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _begin(step: Step, programs: Programs, pool: ThreadPoolExecutor) -> None:
    step.began_at = time.monotonic()
    if step.is_program:
        programs.start_program(step.name)
    if step.run is not None:
        run = step.run

        def finish() -> bool:
            run()
            return True

        step.pending = pool.submit(finish)


def _is_finished(step: Step, pool: ThreadPoolExecutor) -> bool:
    if step.pending is not None:
        if not step.pending.done():
            return False
        answer, step.pending = step.pending.result(), None
        if answer:
            return True
    now = time.monotonic()
    if step.is_ready is not None and now - step.asked_at > PROBE_PAUSE_SECONDS:
        step.asked_at = now
        step.pending = pool.submit(step.is_ready)
    return False


def _fail_on_hopeless(starting: Sequence[Step], programs: Programs) -> None:
    states = programs.states() if any(step.is_program for step in starting) else {}
    for step in starting:
        state = states.get(step.name)
        if state is not None:
            if state.state == "FATAL":
                raise StartFailed(step.name, "does not start")
            if state.pid is not None:
                step.pids.add(state.pid)
            if len(step.pids) > MOST_ATTEMPTS:
                raise StartFailed(step.name, "ends again and again")
        if time.monotonic() - step.began_at > step.timeout_seconds:
            raise StartFailed(step.name, f"was not ready within {step.timeout_seconds:.0f} s")
