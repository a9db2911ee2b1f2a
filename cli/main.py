"""The command `unmogrowp`: one file per group of commands, assembled here."""

import importlib
import sys

import typer

from unmogrowp.errors import UnmogrowpError

app = typer.Typer(
    name="unmogrowp",
    help="Open mobile attribution that shows its work. Start with `unmogrowp up`.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)

# Modules of cli/ that have a function `register(app)`, and the commands each of them adds. Only the
# module of the command that was given is imported: all of them take seconds, and scripts ask for
# `status` again and again.
COMMAND_MODULES: dict[str, tuple[str, ...]] = {
    "stack": ("up", "down", "status", "logs", "reset"),
    "apps": ("app", "key"),
    "warehouse": ("migrate", "sql", "landing"),
    "pipeline": ("sync",),
    "demo": ("demo",),
    "explain": ("explain", "verify-evidence"),
    "whatif": ("whatif",),
    "identity": ("device",),
    "fraud": ("fraud",),
    "rulesets": ("ruleset",),
    "simulate": ("simulate",),
    "scorecard": ("scorecard",),
}


def build(command: str = "") -> typer.Typer:
    """Return the application with the module of one command, or (none known) all of them."""
    modules = [name for name, commands in COMMAND_MODULES.items() if command in commands]
    for module in modules or COMMAND_MODULES:
        importlib.import_module(f"cli.{module}").register(app)
    if modules:
        # Typer makes the only command of an application the application itself; a group does not.
        app.callback()(_keep_command_names)
    return app


def _keep_command_names() -> None:
    """Open mobile attribution that shows its work. Start with `unmogrowp up`."""


def main() -> None:
    """Run the command line; known errors are one line on stderr and exit code 1."""
    try:
        build(sys.argv[1] if len(sys.argv) > 1 else "")()
    except UnmogrowpError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
