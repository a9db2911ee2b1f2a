"""Where each component listens: chosen at `up`, written to `stack.json`, read by everybody.

A component whose address stands in the environment is not ours: it is not started, only asked.
Passwords in such a URL stay in the environment; `stack.json` gets the address without them.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from local_stack import postgres
from local_stack.ports import LOOPBACK, choose_port, is_free
from unmogrowp.control.private_files import write_private
from unmogrowp.errors import ConfigurationError
from unmogrowp.settings import PORT_FIELDS, Settings

# Whose port it is.
OWNERS = {
    "ports.kafka": "kafka",
    "ports.kafka_controller": "kafka",
    "ports.clickhouse": "clickhouse",
    "ports.postgres": "postgres",
    "ports.valkey": "valkey",
    "collector.port": "collector",
    "control_api.port": "control-api",
    "dagster.code_port": "dagster-code",
    "dagster.webserver_port": "dagster-webserver",
}


@dataclass(frozen=True)
class Addresses:
    """What goes into `stack.json`."""

    settings: dict[str, dict[str, str | int]]
    external: frozenset[str]
    moved: tuple[str, ...] = ()  # sentences: which port was taken and what is used instead


def external_components(operator: Settings) -> frozenset[str]:
    """Return the components that the operator's settings replace; `operator` has no stack file."""
    given = {
        "kafka": operator.kafka.bootstrap_servers,
        "clickhouse": operator.clickhouse.url,
        "postgres": operator.postgres.url,
        "valkey": operator.redis.url,
    }
    return frozenset(name for name, address in given.items() if address)


def choose_addresses(
    operator: Settings,
    preferred: Settings,
    explicit: Callable[[str, str], bool],
    is_free: Callable[[int], bool] = is_free,
) -> Addresses:
    """Choose a port for every component that is started here.

    Args:
        operator: Environment and defaults.
        preferred: The same, with the ports of the last start in between.
        explicit: Tells whether a (group, field) stands in the environment: such a port is wanted,
            and one that is taken is an error instead of moved.
        is_free: Tells whether a port can be listened on.

    Raises:
        ConfigurationError: A port that was asked for is taken.
    """
    external = external_components(operator)
    chosen: dict[str, dict[str, str | int]] = {}
    taken: set[int] = set()
    moved = []
    for group, field in PORT_FIELDS:
        component = OWNERS[f"{group}.{field}"]
        if component in external:
            continue
        wanted = int(getattr(getattr(preferred, group), field))
        is_fixed = explicit(group, field) and getattr(getattr(operator, group), field) != 0
        if is_fixed and (wanted in taken or not is_free(wanted)):
            raise ConfigurationError(
                f"port {wanted} for {component} is in use by another program; free it or change "
                f"UNMOGROWP_{group.upper()}__{field.upper()}"
            )
        port = choose_port(wanted, taken, is_free)
        if wanted not in (0, port):
            moved.append(f"port {wanted} for {component} is in use; {port} is used instead")
        taken.add(port)
        chosen.setdefault(group, {})[field] = port
    ports = chosen.get("ports", {})
    addresses: dict[str, dict[str, str | int]] = {
        **chosen,
        "kafka": {
            "bootstrap_servers": operator.kafka.bootstrap_servers
            or f"{LOOPBACK}:{ports.get('kafka')}"
        },
        "clickhouse": {
            "url": without_password(operator.clickhouse.url)
            or f"http://{LOOPBACK}:{ports.get('clickhouse')}"
        },
        "redis": {
            "url": without_password(operator.redis.url)
            or f"redis://{LOOPBACK}:{ports.get('valkey')}/0"
        },
        "postgres": _postgres(operator, ports.get("postgres")),
    }
    return Addresses(addresses, external, tuple(moved))


def _postgres(operator: Settings, port: str | int | None) -> dict[str, str | int]:
    control, dagster = postgres.DATABASES
    server = f"postgresql+psycopg2://{postgres.SUPERUSER}@{LOOPBACK}:{port}"
    url = without_password(operator.postgres.url) or f"{server}/{control}"
    parts = urlsplit(url)
    own = urlunsplit(parts._replace(path=f"/{dagster}"))
    return {"url": url, "dagster_url": without_password(operator.postgres.dagster_url) or own}


def without_password(url: str) -> str:
    """Return the URL without its password."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    user, _, host = parts.netloc.rpartition("@")
    name = user.partition(":")[0]
    return urlunsplit(parts._replace(netloc=f"{name}@{host}" if name else host))


def write_stack_file(file: Path, addresses: Addresses) -> None:
    """Write `stack.json`."""
    content = {
        "format": 1,
        "settings": addresses.settings,
        "external": sorted(addresses.external),
    }
    write_private(file, json.dumps(content, indent=2) + "\n")


def read_external(file: Path) -> frozenset[str] | None:
    """Return the external components of the last start; None where there was none."""
    try:
        return frozenset(json.loads(file.read_text())["external"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError) as error:
        raise ConfigurationError(f"{file} cannot be read; `unmogrowp up` writes it anew") from error
