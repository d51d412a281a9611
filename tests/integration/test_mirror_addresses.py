"""Which addresses a mirror asks: configured ones, by https, public ones only, and never where an answer points."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from seglam.packs.index.errors import IndexRefused
from seglam.packs.names import PackName
from seglam.packs.problems import TransportError
from seglam.registry.app import create_app
from seglam.registry.mirror.upstream import Upstream
from seglam.registry.settings import Settings, SettingsInvalid
from tests.index_keys import make

ORIGIN = "registry.acme.example"
DATES = PackName(ORIGIN, "acme", "dates")
DIGEST = "sha256:" + "0" * 64


@contextmanager
def listener(answer: bytes = b"", family: int = socket.AF_INET) -> Iterator[tuple[int, list[bytes]]]:
    """A port, and what was sent to it; every connection gets `answer`."""
    got: list[bytes] = []
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        listening.listen()
        listening.settimeout(0.05)
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                try:
                    connection, _ = listening.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.settimeout(5)
                    got.append(connection.recv(65536))
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1], got
        finally:
            ended.set()
            thread.join()


def everything(upstream: Upstream) -> list[str]:
    """Every kind of request that a mirror makes, and the code with which each is refused."""
    codes = []
    for ask in (
        lambda: upstream.changes(0),
        lambda: upstream.pull(DATES, DIGEST),
        lambda: upstream.bundles(DATES, DIGEST),
        lambda: upstream.index().refresh(),
    ):
        try:
            ask()
        except (TransportError, IndexRefused) as refused:
            codes.append(refused.code)
        else:
            pytest.fail("it was asked")
    upstream.close()
    return codes


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0.0.0.0", "127.1", "2130706433"],
)
def test_this_machine_is_not_asked(tmp_path: Path, host: str) -> None:
    with listener() as (port, got), listener(family=socket.AF_INET6) as (port6, got6):
        here = port6 if host == "[::1]" else port
        codes = everything(Upstream(ORIGIN, f"https://{host}:{here}", tmp_path))
    assert set(codes) == {"private-address"}
    assert got == got6 == []


@pytest.mark.parametrize("host", ["10.0.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "[fe80::1]", "[fd00::1]"])
def test_private_networks_and_metadata_services_are_not_asked(tmp_path: Path, host: str) -> None:
    assert set(everything(Upstream(ORIGIN, f"https://{host}", tmp_path))) == {"private-address"}


def test_also_with_a_root_that_is_pinned(tmp_path: Path) -> None:
    _, _, root = make(origin=ORIGIN)
    (tmp_path / "root.json").write_bytes(root)
    upstream = Upstream(ORIGIN, "https://127.0.0.1", tmp_path)
    with pytest.raises(IndexRefused, match="not public"):
        upstream.index().refresh()
    upstream.close()


def test_a_name_that_changes_its_address_wins_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first answer is public, any later one is this machine: the connection goes to the one that was checked."""
    asked: list[str] = []
    connected: list[Any] = []

    def rebinding(host: str, port: Any, *_: object, **__: object) -> list[Any]:
        asked.append(host)
        address = "203.0.114.7" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    def connecting(address: tuple[str, int], *_: object, **__: object) -> socket.socket:
        connected.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    monkeypatch.setattr(socket, "create_connection", connecting)
    upstream = Upstream(ORIGIN, "https://rebinding.example", tmp_path)
    for _ in range(2):
        with pytest.raises(TransportError):
            upstream.changes(0)
    upstream.close()
    assert connected == ["203.0.114.7"]
    assert "rebinding.example" in asked


def test_a_name_with_one_private_address_among_public_ones_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mixed(host: str, port: Any, *_: object, **__: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in ("203.0.114.7", "10.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", mixed)
    assert set(everything(Upstream(ORIGIN, "https://mixed.example", tmp_path))) == {"private-address"}


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"])
def test_a_redirect_to_another_host_is_not_followed(tmp_path: Path, status: str) -> None:
    """Private addresses are allowed here: the redirect is refused for where it points, not for the address."""
    with listener() as (secret, got):
        redirect = f"HTTP/1.1 {status}\r\nLocation: http://127.0.0.1:{secret}/x\r\nContent-Length: 0\r\n\r\n".encode()
        with listener(redirect) as (port, asked):
            codes = everything(Upstream(ORIGIN, f"http://127.0.0.1:{port}", tmp_path, allow_private=True))
    assert set(codes) == {"redirect"}
    assert len(asked) == 4
    assert got == []


def test_http_needs_to_be_allowed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="without TLS"):
        Upstream(ORIGIN, "http://registry.acme.example", tmp_path)
    with pytest.raises(SettingsInvalid, match="without TLS"):
        create_app(Settings(tmp_path, origin="mirror.example", mirror_of={ORIGIN: "http://registry.acme.example"}))


@pytest.mark.parametrize(
    "url", ["https://user:secret@registry.acme.example", "https://registry.acme.example/path", "file:///etc/passwd"]
)
def test_an_address_that_is_none_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ValueError, match=r"no address of a registry|without TLS"):
        Upstream(ORIGIN, url, tmp_path)


def test_a_first_root_is_believed_only_if_somebody_said_so(tmp_path: Path) -> None:
    body = b"{}"
    answer = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n" + body
    )
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    with listener(answer) as (port, _):

        def code(name: str, **said: Any) -> tuple[str, str]:
            upstream = Upstream(ORIGIN, f"http://127.0.0.1:{port}", tmp_path / name, allow_private=True, **said)
            try:
                upstream.index()
            except TransportError as error:
                return error.code, error.words
            finally:
                upstream.close()
            return "believed", (tmp_path / name / "root.json").read_text()

        refused, words = code("unsaid")
        assert refused == "index-root" and digest in words and "MIRROR_TRUST_ON_FIRST_USE" in words
        assert not (tmp_path / "unsaid" / "root.json").exists()
        assert code("other", pinned="sha256:" + "0" * 64, first_use=True)[0] == "index-root"
        assert code("pinned", pinned=digest) == ("believed", "{}")
        assert code("first", first_use=True) == ("believed", "{}")


def test_a_registry_is_no_mirror_of_itself(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="own origin"):
        create_app(Settings(tmp_path, origin=ORIGIN, mirror_of={ORIGIN: "https://registry.acme.example"}))
