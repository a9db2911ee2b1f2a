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

# Modules of cli/ that have a function `register(app)`; imported lazily would hide --help, so all.
COMMAND_MODULES: tuple[str, ...] = ("stack", "apps", "warehouse", "pipeline", "demo", "explain")


def build() -> typer.Typer:
    """Register every group of commands and return the application."""
    for module in COMMAND_MODULES:
        importlib.import_module(f"cli.{module}").register(app)
    return app


def main() -> None:
    """Run the command line; known errors are one line on stderr and exit code 1."""
    try:
        build()()
    except UnmogrowpError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
