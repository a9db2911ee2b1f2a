"""The stream: an ordered, durable log of requests, behind ports with two implementations."""
