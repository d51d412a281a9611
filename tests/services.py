"""Whole services for tests: real store, real sandbox, real compiler, and the HTTP API on a loopback port."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from starlette.types import ASGIApp

from seglam.gateway import Service, Settings, build_service
from seglam.gateway.openai import UpstreamSettings
from seglam.gateway.server import bind, server
from seglam.procedures import ReasoningProcedure, Request, dump
from tests.openai_server import Server


@contextmanager
def running(
    directory: Path,
    model: Server | None = None,
    *,
    documents: Sequence[ReasoningProcedure] = (),
    reports: list[str] | None = None,
    **settings: Any,
) -> Iterator[Service]:
    """An embedded service with its data below a directory, and documents as files of a watched one."""
    folder = directory / "procedures"
    folder.mkdir(exist_ok=True)
    for document in documents:
        (folder / f"{document.metadata.name}.yaml").write_text(dump(document))
    environ = {} if model is None else {"SEGLAM_MODEL": "m", "OPENAI_BASE_URL": model.url}
    made = Settings(directory / "data", procedures=(folder,), environ=environ, **settings)
    heard: list[str] = [] if reports is None else reports
    service = build_service(made, heard.append)
    try:
        yield service
    finally:
        service.close()


@contextmanager
def listening(
    service: Service,
    around: Callable[[ASGIApp], ASGIApp] | None = None,
    *,
    upstream: UpstreamSettings | None = None,
    port: int = 0,
) -> Iterator[httpx2.Client]:
    """A client of the service's HTTP API, served in a thread; see `seglam.gateway.server.server`."""
    socket = bind("127.0.0.1", port)
    running_server = server(service, socket, around, upstream)
    thread = threading.Thread(target=running_server.run, kwargs={"sockets": [socket]})
    thread.start()
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{socket.getsockname()[1]}", timeout=120) as client:
            yield client
    finally:
        running_server.should_exit = True
        thread.join()
        socket.close()


def text(content: str) -> Request:
    """A request that is a text."""
    return Request(text=content)
