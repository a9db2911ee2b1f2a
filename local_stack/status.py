"""What runs: one row per component, asked and not assumed."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from local_stack.addresses import read_external
from local_stack.components import COMPONENTS, Component
from local_stack.data_folder import DataFolder
from local_stack.process_records import ProcessRecords
from local_stack.supervision import ProgramState, Supervisor
from unmogrowp.settings import Settings, load_settings

# running   ready: it answered a real question
# starting  the process is there and not ready, or the supervisor is about to start it again
# failed    the supervisor has given up
# orphaned  it answers, but its supervisor was killed: `unmogrowp up` takes over
# external  replaced by a URL in the settings, and does not answer (running when it does)
State = Literal["running", "starting", "failed", "stopped", "orphaned", "external"]


@dataclass(frozen=True)
class ComponentStatus:
    """One row of `unmogrowp status`."""

    name: str
    state: State
    pid: int | None
    port: int | None
    url: str | None
    version: str | None

    def to_json(self) -> dict[str, str | int | None]:
        """Return the fields that the contract names, in its order."""
        return {
            "name": self.name,
            "state": self.state,
            "pid": self.pid,
            "port": self.port,
            "url": self.url,
            "version": self.version,
        }


def stack_status(home: DataFolder) -> list[ComponentStatus]:
    """Ask every component at once; takes at most a few seconds."""
    external = read_external(home.stack_file)
    if external is None:
        return [ComponentStatus(c.name, "stopped", None, None, None, None) for c in COMPONENTS]
    settings = load_settings()
    supervisor = Supervisor(home)
    states = supervisor.states()
    is_supervised = supervisor.pid() is not None
    records = ProcessRecords(home.root)

    def ask(component: Component) -> ComponentStatus:
        if component.name in external:
            state: State = "running" if component.is_ready(settings, home) else "external"
            return _row(component, settings, state, None, is_ours=False)
        if not is_supervised:
            record = records.read(component.name)
            if record is None or not record.is_alive():
                return _row(component, settings, "stopped", None)
            return _row(component, settings, "orphaned", record.pid)
        told = states.get(component.name)
        state = _state(told, component, settings, home)
        return _row(component, settings, state, told.pid if told else None)

    with ThreadPoolExecutor(len(COMPONENTS)) as pool:
        return list(pool.map(ask, COMPONENTS))


def _state(
    told: ProgramState | None, component: Component, settings: Settings, home: DataFolder
) -> State:
    if told is None or told.state in ("STOPPED", "STOPPING"):
        return "stopped"
    if told.state == "FATAL":
        return "failed"
    if told.state in ("RUNNING", "STARTING") and component.is_ready(settings, home):
        return "running"
    return "starting"


def _row(
    component: Component,
    settings: Settings,
    state: State,
    pid: int | None,
    *,
    is_ours: bool = True,
) -> ComponentStatus:
    return ComponentStatus(
        name=component.name,
        state=state,
        pid=pid,
        port=component.port(settings),
        url=component.url(settings),
        version=component.version(settings) if is_ours else None,
    )
