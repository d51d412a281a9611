"""A small OpenAI-compatible endpoint for tests: real HTTP on a loopback port, answered by a function of the request."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Reply:
    """What the endpoint sends: a status, headers and a body; `cut` sends half of it and hangs up."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    wait: threading.Event | None = None


Answer = Callable[[dict[str, Any]], Reply]


def completion(content: object, *, model: str = "test-model", tokens: tuple[int, int] = (100, 20)) -> Reply:
    """A chat completion whose message is this text, or this value as JSON text."""
    text = content if isinstance(content, str) else json.dumps(content)
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)}
    body = {"id": "c", "object": "chat.completion", "created": 1, "model": model, "choices": [choice], "usage": usage}
    return Reply(json.dumps(body).encode())


def problem(status: int, message: str, **headers: str) -> Reply:
    """An error in the API's own form."""
    return Reply(json.dumps({"error": {"message": message, "type": "error"}}).encode(), status, headers)


def prompt_of(request: dict[str, Any]) -> str:
    """All messages of a request as one text."""
    return "\n".join(str(message["content"]) for message in request["messages"])


def pairs_of(prompt: str) -> list[tuple[str, str]]:
    """The pairs of sentences that a prompt asks about, in the order of their numbers."""
    pairs, left = [], ""
    for kind, text in re.findall(
        r"^(Sentence A|Pair \d+)[^\n]*:\n<<<\w+\n(.*?)\n\w+>>>$", prompt, re.MULTILINE | re.DOTALL
    ):
        if kind == "Sentence A":
            left = text
        else:
            pairs.append((left, text))
    return pairs


@dataclass
class Server:
    """The endpoint's address and the requests that it got."""

    url: str
    requests: list[dict[str, Any]]


@contextmanager
def serving(answer: Answer, host: str = "127.0.0.1") -> Iterator[Server]:
    """Serve until the block ends, on an address of this machine."""
    requests: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            requests.append(request)
            reply = answer(request)
            if reply.wait is not None:
                reply.wait.wait(30)
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            with suppress(BrokenPipeError):  # the client did not wait
                self.wfile.write(reply.body[: len(reply.body) // 2] if reply.cut else reply.body)
            self.close_connection = True

    server = ThreadingHTTPServer((host, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield Server(f"http://{host}:{server.server_port}/v1", requests)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
