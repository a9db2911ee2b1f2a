import socket

import pytest

from local_stack.ports import any_free_port, choose_port, is_free


def test_a_port_somebody_listens_on_is_not_free() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        assert not is_free(port)
        assert choose_port(port) > port
    assert is_free(port)


def test_a_listener_that_shares_its_port_makes_it_taken_all_the_same() -> None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        server.bind(("127.0.0.1", 0))
        server.listen()
        assert not is_free(server.getsockname()[1])


def test_zero_means_any_free_port_that_is_not_promised_already() -> None:
    port = choose_port(0)
    assert is_free(port)
    assert any_free_port([port]) != port


def test_a_promised_port_is_passed_over() -> None:
    port = any_free_port()
    assert choose_port(port, [port]) != port


def test_the_end_of_the_port_numbers_is_an_error() -> None:
    with pytest.raises(OSError, match="no free port from 65535 on"):
        choose_port(65535, [65535])


def test_a_random_port_is_none_that_outgoing_connections_get() -> None:
    assert all(10_000 <= any_free_port() < 32_768 for _ in range(20))
