"""Ports for programs that have to be told one."""

import socket

import pytest

from sandbox.loopback import HOST, find_free_port


def test_a_free_port_is_kept_for_a_server() -> None:
    port = find_free_port()
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind((HOST, port))  # as port 0 and outgoing connections choose one
    with socket.create_server((HOST, port)) as server:
        assert server.getsockname()[1] == port
