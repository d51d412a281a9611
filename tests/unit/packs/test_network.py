from __future__ import annotations

import http.server
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam.packs import TransportError, network
from tests.certificates import SERVER, Authority, write

PRIVATE = (
    "0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 "
    "192.0.2.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 "
    ":: ::1 fe80::1 fe80::1%eth0 fc00::1 fd00:ec2::254 ff02::1 2001:db8::1 ::ffff:127.0.0.1 ::ffff:169.254.169.254 "
    "::ffff:10.0.0.1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 2002:7f00:1:: 2002:a00:1:: ::127.0.0.1 "
    "::808:808 fec0::1 5f00::1"
)
PUBLIC = "1.1.1.1 8.8.8.8 93.184.216.34 2606:4700::1111 ::ffff:8.8.8.8 64:ff9b::808:808"


@pytest.mark.parametrize("address", PRIVATE.split())
def test_addresses_that_are_not_public(address: str) -> None:
    assert not network.is_public(address)


@pytest.mark.parametrize("address", PUBLIC.split())
def test_addresses_that_are_public(address: str) -> None:
    assert network.is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_is_as_public_as_itself(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    inside = [f"::ffff:{address}", str(ipaddress.IPv6Address((0x64FF9B << 96) | number))]
    inside.append(str(ipaddress.IPv6Address((0x2002 << 112) | (number << 80))))
    assert {network.is_public(each) for each in inside} == {network.is_public(str(address))}


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let the name `registry.test` have other addresses each time it is looked up; returns what was asked."""
    true, asked, left = socket.getaddrinfo, [], list(answers)

    def getaddrinfo(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        if host != "registry.test":
            return true(host, port, *rest, **more)
        asked.append(host)
        found = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def test_one_private_address_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, ["8.8.8.8", "10.0.0.1"])
    with pytest.raises(TransportError) as caught:
        network.public_addresses("registry.test", 443)
    assert caught.value.code == "private-address"


def test_a_name_without_address() -> None:
    with pytest.raises(TransportError) as caught:
        network.public_addresses("nowhere.invalid", 443)
    assert caught.value.code == "unreachable"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, ssl.SSLContext]]:
    """Port of a TLS server that is `registry.test`, and what trusts it."""
    directory = tmp_path_factory.mktemp("tls")
    authority = Authority.new()
    write(authority.identity("registry.test", SERVER), directory)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.headers["Host"].encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    class Quiet(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None: ...

    made = Quiet(("127.0.0.1", 0), Handler)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(directory / "tls.crt", directory / "tls.key")
    made.socket = context.wrap_socket(made.socket, server_side=True)
    threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
    (directory / "authority.pem").write_bytes(authority.pem)
    yield made.server_address[1], ssl.create_default_context(cafile=str(Path(directory) / "authority.pem"))
    made.shutdown()
    made.server_close()


def test_the_connection_goes_to_the_address_that_was_checked(
    server: tuple[int, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, trusted = server
    monkeypatch.setattr(network, "is_public", lambda address: address == "127.0.0.1")
    asked = resolving(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])  # the second look-up would rebind the name
    with httpx2.Client(transport=network.PublicTransport(trusted), trust_env=False) as client:
        assert client.get(f"https://registry.test:{port}/").text == f"registry.test:{port}"
        assert len(asked) == 1
        with pytest.raises(TransportError, match=r"127\.0\.0\.2"):
            client.get(f"https://registry.test:{port}/")


def test_the_certificate_is_that_of_the_name(
    server: tuple[int, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, trusted = server
    monkeypatch.setattr(network, "is_public", lambda address: True)
    with httpx2.Client(transport=network.PublicTransport(trusted), trust_env=False) as client:
        with pytest.raises(httpx2.ConnectError, match=r"[Hh]ostname|IP address"):
            client.get(f"https://127.0.0.1:{port}/")
        with pytest.raises(TransportError, match="without TLS"):
            client.get(f"http://registry.test:{port}/")
