"""ClickHouse's HTTP interface over the embedded engine (chDB), as one local process.

No ClickHouse server can be installed as a Python package, but its engine can. This server puts
ClickHouse's own HTTP interface in front of it, so that every client and every line of the project
is written against ClickHouse and never against the engine (docs/adr/0010-*.md).

    lexer, statements   what a request asks for, told from its text
    accounts, policy    who asks, and what an account may ask for
    engine, sessions    handles on the engine, settings, cancelling
    framing, encoding   ClickHouse's block framing and HTTP content encodings
    chunks, replies     joining streamed chunks, status codes, errors in mid-stream
    app                 the ASGI application
    sandbox             Landlock: what the process can reach at all
    launch              how a supervisor starts it and hands the accounts over
"""
