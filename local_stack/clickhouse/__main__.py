"""`python -m local_stack.clickhouse`: the embedded ClickHouse server as a process."""

import argparse
import sys
from pathlib import Path

from local_stack.clickhouse.server import ServerOptions, serve
from unmogrowp.errors import ConfigurationError

_ABOUT = """\
Serve ClickHouse's HTTP interface over the embedded engine, for one data folder.

Accounts are handed over as salted hashes (never as passwords) on standard input or on the
descriptor of --accounts-fd, as JSON: {"accounts": [{"name", "role", "salt", "digest"}]}.
`python -m local_stack.clickhouse.launch` makes them from password files and starts this.
"""


def main() -> None:
    """Parse the command line and serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(
        prog="python -m local_stack.clickhouse",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--path", type=Path, required=True, help="data folder, made if absent")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8123, help="0 takes a free one and prints it")
    parser.add_argument("--accounts-fd", type=int, default=0, metavar="N", help="default: 0, stdin")
    parser.add_argument("--queries", type=int, default=0, help="at once; default: 4 per core")
    parser.add_argument("--inserts", type=int, default=0, help="at once; default: 1 per core")
    parser.add_argument("--waiting", type=int, default=64, help="how many more may wait, of each")
    parser.add_argument("--memory-mb", type=int, default=0, help="default: 40 %% of the machine's")
    parser.add_argument("--insert-mb", type=int, default=512, help="largest atomic INSERT, decoded")
    parser.add_argument(
        "--result-mb", type=int, default=256, help="largest result that cannot be streamed"
    )
    parser.add_argument(
        "--without-sandbox",
        action="store_true",
        help="do not use Landlock; then run the server as a user of its own",
    )
    parser.add_argument(
        "--require-sandbox",
        action="store_true",
        help="refuse to start where the kernel has no Landlock",
    )
    chosen = parser.parse_args()
    try:
        serve(ServerOptions(**vars(chosen)))
    except ConfigurationError as error:
        sys.exit(f"clickhouse: {error}")


if __name__ == "__main__":
    main()
