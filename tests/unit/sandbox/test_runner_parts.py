"""Parts of the runner that its processes show only from outside."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

import pytest

from seglam.sandbox import Address, Identity, TLSError
from seglam.sandbox.runner import Settings, SettingsError
from seglam.sandbox.runner.egress import Egress
from seglam.sandbox.runner.memory import LEAST_MIB, Memory, left_of_container
from seglam.sandbox.runner.revisions import Revisions, WrongDigest
from seglam.sandbox.runner.workers import Full, Late, Workers
from seglam.sandbox.tls import Renewed, client_context, server_context
from tests.certificates import SERVER, Authority, write

POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}


def test_a_runner_is_lean() -> None:
    """What the image would have to hold otherwise."""
    heavy = "pydantic yaml rfc8785 opentelemetry fastapi starlette aiohttp httpx2 kopf sqlalchemy cryptography".split()
    code = f"import sys, seglam.sandbox.runner; print(*[name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""


# Settings


def test_settings_of_a_pod() -> None:
    plain = Settings.of(POD)
    assert (plain.egress, plain.builds, plain.port, plain.verifies) == (Address("10.96.0.1", 443), ("a",), 8443, False)
    assert plain == Settings(plain.egress)
    verifying = Settings.of({**POD, "SEGLAM_RUNNER_BUILDS": "a, b", "SEGLAM_RUNNER_EGRESS": "[fd00::1]:443"})
    assert (verifying.builds, verifying.verifies, verifying.egress) == (("a", "b"), True, Address("fd00::1", 443))
    assert Settings.of({"SEGLAM_RUNNER_EGRESS": "unchecked"}).egress is None


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "KUBERNETES_SERVICE_HOST and _PORT are not set"),
        ({"KUBERNETES_SERVICE_HOST": "kubernetes.default", "KUBERNETES_SERVICE_PORT": "443"}, "is no IP address"),
        ({**POD, "KUBERNETES_SERVICE_PORT": "tcp://10.96.0.1:443"}, "is no IP address and port"),
        ({"SEGLAM_RUNNER_EGRESS": "10.0.0.1"}, "'10.0.0.1' is no IP address and port"),
        ({"SEGLAM_RUNNER_EGRESS": "10.0.0.1:0"}, "is no IP address and port"),
        ({**POD, "SEGLAM_RUNNER_BUILDS": ""}, "must name builds of a, b"),
        ({**POD, "SEGLAM_RUNNER_BUILDS": "a,a"}, "each once"),
        ({**POD, "SEGLAM_RUNNER_QUEUE": "-1"}, "a whole number from 0 to 10000"),
        ({**POD, "SEGLAM_RUNNER_PORT": "tcp://10.96.0.2:8443"}, "SEGLAM_RUNNER_PORT is"),
        ({**POD, "SEGLAM_RUNNER_TOKEN": "x"}, "SEGLAM_RUNNER_TOKEN is no setting"),
    ],
)
def test_settings_that_cannot_be_used(environ: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Settings.of(environ)


# Threads


def test_a_job_that_nobody_waits_for_gives_its_place_up() -> None:
    began: list[str] = []

    async def scenario() -> None:
        workers, free = Workers(1, 1), threading.Event()
        holding = asyncio.create_task(workers.do(lambda: free.wait(60), monotonic() + 60))
        await asyncio.sleep(0)
        with pytest.raises(Late):
            await workers.do(lambda: began.append("late"), monotonic() + 0.05)
        waiting = asyncio.create_task(workers.do(lambda: began.append("waited"), monotonic() + 60))
        await asyncio.sleep(0)
        with pytest.raises(Full):
            await workers.do(lambda: began.append("refused"), monotonic() + 60)
        with pytest.raises(Late):
            await workers.do(lambda: None, monotonic() - 1)
        leaving = waiting.cancel()
        assert leaving
        await asyncio.wait([waiting])
        assert workers.taken == 1
        free.set()
        assert await holding is True
        assert await workers.do(lambda: 7, monotonic() + 60) == 7
        with pytest.raises(KeyError):
            await workers.do(lambda: POD["x"], monotonic() + 60)
        assert workers.close()

    asyncio.run(scenario())
    assert began == []


def test_memory_is_waited_for_and_no_longer_than_the_deadline() -> None:
    memory = Memory(64)
    assert memory.holds(64) and not memory.holds(65)
    with memory.of(40, monotonic() + 60):
        with memory.of(24, monotonic()):
            pass
        with pytest.raises(Late), memory.of(25, monotonic() + 0.02):
            pytest.fail("more than there is")
        waited = threading.Event()

        def wait() -> None:
            with memory.of(64, monotonic() + 60):
                waited.set()

        thread = threading.Thread(target=wait)
        thread.start()
        assert not waited.is_set()
    thread.join()
    assert waited.is_set()
    with Memory(None).of(1 << 20, 0):
        assert Memory(None).holds(1 << 20)


@pytest.mark.parametrize(
    ("text", "left"), [("max\n", None), ("9223372036854771712\n", None), ("536870912\n", 160), ("1048576\n", LEAST_MIB)]
)
def test_what_a_container_leaves(text: str, left: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = tmp_path / "memory.max"
    monkeypatch.setattr("seglam.sandbox.runner.memory._LIMITS", (limit,))
    assert left_of_container(256) is None
    limit.write_text(text)
    assert left_of_container(256) == left


def test_the_newest_revision_stays() -> None:
    known = Revisions(10)
    document = b'{"code":"def solve(): return 1"}'
    digest = "sha256:d0ff6a3b1fda10e0c5a5ca1f1fd1d8f1ed3aa4da40e4a1a8c6d0bb25b8e5a0c7"
    with pytest.raises(WrongDigest):
        known.admit(digest, document)
    assert known.find(digest) is None and len(known) == 0


# Egress


async def _attempts(egress: Egress, number: int) -> None:
    watching = asyncio.create_task(egress.watch())
    while egress.attempts < number:
        await asyncio.wait([watching], timeout=0.01)
    watching.cancel()


def test_what_is_reached_is_not_blocked_and_what_refuses_is() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        egress = Egress(Address(*listening.getsockname()))
        asyncio.run(_attempts(egress, 2))
        assert not egress.blocked
    asyncio.run(_attempts(egress, 3))
    assert egress.blocked


def test_silence_is_blocked() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as stack:
        for _ in range(4):  # further connections are dropped, as a policy does
            each = stack.enter_context(socket.socket())
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        egress = Egress(Address(*full.getsockname()))
        asyncio.run(_attempts(egress, 1))
        assert egress.blocked


def test_an_attempt_that_cannot_be_made_proves_nothing(caplog: pytest.LogCaptureFixture) -> None:
    egress = Egress(Address("fe80::1", 443))  # of no interface
    asyncio.run(_attempts(egress, 1))
    assert not egress.blocked
    assert "egress to [fe80::1]:443 could not be tried" in caplog.text


# Certificates


def test_a_context_is_made_again_when_files_change(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Authority.new(), Authority.new()
    directory = write(first.identity("runner", SERVER), tmp_path / "tls")
    certificates = Renewed(lambda: Identity.read(directory), server_context)
    before = certificates()
    assert not certificates.look() and certificates() is before
    (directory / "tls.key").write_bytes(b"half")
    with caplog.at_level(logging.ERROR):
        assert not certificates.look() and not certificates.look()
    assert caplog.text.count("certificate and key cannot be used together") == 1
    (directory / "tls.key").unlink()
    assert not certificates.look() and certificates() is before
    assert "tls.key cannot be read: No such file" in caplog.text
    write(second.identity("runner", SERVER), directory)
    assert certificates.look() and certificates() is not before
    write(first.identity("runner", SERVER), directory)
    monkeypatch.setattr("seglam.sandbox.tls.monotonic", lambda: monotonic() + 60)
    last = certificates.context
    assert certificates() is not last  # looked by itself, after some time


@pytest.mark.parametrize("make", [client_context, server_context])
def test_what_is_no_certificate_is_told(
    make: Callable[[Identity], ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority.new()
    own, other = authority.identity("x", SERVER), authority.identity("y", SERVER)
    for wrong in (b"", b"nonsense", "é".encode()):
        with pytest.raises(TLSError, match="the authority is no PEM certificate"):
            make(Identity(wrong, own.certificate, own.key))
    for memory in (True, False):  # without memfd_create, as on macOS
        if not memory:
            monkeypatch.delattr(os, "memfd_create", raising=False)
        with pytest.raises(TLSError, match="cannot be used together"):
            make(Identity(authority.pem, own.certificate, other.key))
        assert make(own).minimum_version is ssl.TLSVersion.TLSv1_3
    assert b"PRIVATE" not in repr(own).encode()
