"""The floor of the collector: a bare ASGI app that sends each body to Kafka without looking at it.

Same server, same number of workers, same producer: what the collector adds to this is what
authenticating, judging, redacting and counting cost.
"""

import argparse
import asyncio
import sys
from typing import Any

import uvicorn

from ingest_api.worker import BACKLOG, SWITCH_SECONDS, die_with_parent, listening_socket
from unmogrowp.contracts.topics import Topic
from unmogrowp.stream.kafka_connection import KafkaConnection
from unmogrowp.stream.kafka_producer import KafkaStreamProducer
from unmogrowp.stream.port import Placement

TOPIC = str(Topic.EVENTS)
START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"17")],
}
BODY = {"type": "http.response.body", "body": b'{"success": true}'}


class Floor:
    """Answers every request after the stream has its body."""

    def __init__(self, producer: KafkaStreamProducer) -> None:
        self._producer = producer
        self._number = 0

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Read, send, wait, answer."""
        del scope
        message = await receive()
        body = message.get("body", b"")
        while message.get("more_body"):
            message = await receive()
            body += message.get("body", b"")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Placement] = loop.create_future()

        def on_done(placement: Placement | None, error: Exception | None) -> None:
            if placement is not None:
                loop.call_soon_threadsafe(done.set_result, placement)
            else:
                loop.call_soon_threadsafe(done.set_exception, error or RuntimeError())

        self._number += 1
        self._producer.send(TOPIC, str(self._number).encode(), body, [("v", b"1")], on_done)
        await done
        await send(START)
        await send(BODY)


def main() -> None:
    """Be one worker of the floor."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    die_with_parent()
    sys.setswitchinterval(SWITCH_SECONDS)
    producer = KafkaStreamProducer(KafkaConnection(arguments.bootstrap), [TOPIC])
    producer.wait_until_ready(30)
    config = uvicorn.Config(
        Floor(producer),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
    )
    uvicorn.Server(config).run(sockets=[listening_socket("127.0.0.1", arguments.port)])
    producer.close()


if __name__ == "__main__":
    main()
