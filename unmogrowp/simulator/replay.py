"""Reads the requests of a folder back, ready to be sent to any app at any time."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from unmogrowp.clock import utc
from unmogrowp.errors import ConfigurationError
from unmogrowp.simulator.folder import REQUESTS
from unmogrowp.simulator.wire import SENT_AT

APP_PLACE = "{app_id}"
_SENT_AT = re.compile(rb"^" + re.escape(SENT_AT).encode() + rb'[^"]*')


class RecordedRequest(msgspec.Struct):
    """One line of a request file; what its fields mean is described in `wire`."""

    at: int
    method: str
    path: str
    headers: dict[str, str]
    clock_offset_ms: int = 0
    body: msgspec.Raw = msgspec.Raw(b"")

    def target(self, app_id: str) -> str:
        """Return path and query for an app."""
        return self.path.replace(APP_PLACE, app_id)

    def body_at(self, now_ms: int) -> bytes:
        """Return the body as the phone would send it at `now_ms`: with the `sentAt` of its clock.

        A phone that sends late says so by its `sentAt`; with the one on file the collector would
        take the time since then for an error of the phone's clock.
        """
        body = bytes(self.body)
        sent_at = utc(now_ms + self.clock_offset_ms).isoformat(timespec="milliseconds")
        return _SENT_AT.sub((SENT_AT + sent_at.replace("+00:00", "Z")).encode(), body, count=1)


_decode = msgspec.json.Decoder(RecordedRequest).decode


def read_requests(folder: Path, file: str = REQUESTS, skip: int = 0) -> Iterator[RecordedRequest]:
    """Give the requests of a file in its order, without the first `skip` ones.

    Raises:
        ConfigurationError: The file is missing or cut off, or a line is no request.
    """
    path = folder / file
    number = 0
    try:
        with gzip.open(path, "rb") as lines:
            for number, line in enumerate(lines):
                if number >= skip:
                    yield _decode(line)
    except (OSError, EOFError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"{path}, line {number + 1}: {error}") from error
