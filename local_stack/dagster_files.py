"""dagster.yaml, workspace.yaml and the password file that libpq reads for Dagster.

Dagster's storage URL has no password: libpq takes it from `<home>/secrets/pgpass` (0600), which is
named in the connection's parameters.
"""

from pathlib import Path

from local_stack.data_folder import DataFolder
from local_stack.ports import LOOPBACK
from unmogrowp.control.private_files import write_private
from unmogrowp.settings import Settings

TEMPLATES = Path(__file__).parent / "templates"
PASSWORD_FILE = "pgpass"  # nosec B105 - a file's name
ENVIRONMENT = {"DAGSTER_DISABLE_TELEMETRY": "yes"}


def write_dagster_files(settings: Settings, home: DataFolder) -> None:
    """Render what the three Dagster processes read."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from unmogrowp.control.database import database_url

    url = database_url(
        settings.postgres.dagster_url or settings.postgres.url,
        settings.postgres.password.get_secret_value(),
    )
    inputs = {
        "home": str(home.root),
        "pg_host": url.host or LOOPBACK,
        "pg_port": url.port or 5432,
        "pg_user": url.username or "",
        "pg_db": url.database or "",
        "pg_params": dict(url.query),
        "code_host": LOOPBACK,
        "code_port": settings.dagster.code_port,
    }
    line = [inputs["pg_host"], inputs["pg_port"], "*", inputs["pg_user"], url.password or ""]
    write_private(
        home.secrets / PASSWORD_FILE, ":".join(_pgpass_field(str(part)) for part in line) + "\n"
    )
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=False,  # nosec B701 - YAML, not HTML
    )
    for name in ("dagster.yaml", "workspace.yaml"):
        content = templates.get_template(f"{name}.j2").render(inputs)
        write_private(home.dagster / name, content + "\n")


def _pgpass_field(text: str) -> str:
    if text == "*":
        return text
    return text.replace("\\", "\\\\").replace(":", "\\:")
