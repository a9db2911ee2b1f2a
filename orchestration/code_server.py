"""Dagster's code server with warm runs; takes the options of `dagster api grpc`.

Not `dagster code-server`: its proxy stays up, and healthy, over a killed child (docs/adr/0060).
Nothing is imported here at the top: each run executes the file of its server's `__main__` again.
"""

import sys


def main() -> None:
    """Serve until told to end."""
    from orchestration.warm_server import serve

    serve(sys.argv[1:])


if __name__ == "__main__":
    main()
