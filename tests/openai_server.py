"""A small OpenAI-compatible endpoint for tests: real HTTP on a loopback port, answered by a function of the request."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Reply:
    """What the endpoint sends: a status, headers and a body; `cut` sends half of it and hangs up.

    With `pieces` the body is sent in chunks, each when it is there: an event is waited for. `cut` then leaves out the
    end. With `bare` the body is sent without a head.
    """

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    wait: threading.Event | None = None
    pieces: Sequence[bytes | threading.Event] = ()
    bare: bool = False


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


def events(*contents: object, done: bool = True) -> list[bytes | threading.Event]:
    """Server-sent events with this data, a chunk each; an event of a thread stays what it is."""
    pieces = [
        each if isinstance(each, threading.Event) else b"data: " + json.dumps(each).encode() + b"\n\n"
        for each in contents
    ]
    return [*pieces, b"data: [DONE]\n\n"] if done else pieces


def delta(content: str, *, finish: str | None = None, model: str = "test-model") -> dict[str, Any]:
    """One event of a streamed chat completion."""
    choice = {"index": 0, "delta": {"role": "assistant", "content": content}, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": [choice]}


@dataclass(frozen=True)
class Call:
    """A request as it came."""

    method: str
    path: str
    headers: Message
    body: bytes


@dataclass
class Server:
    """The endpoint's address and the requests that it got.

    Attributes:
        requests: bodies of those that were answered by the function.
        calls: all of them.
        left: clients that hung up while they were answered in chunks.
    """

    url: str
    requests: list[dict[str, Any]]
    calls: list[Call] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


@contextmanager
def serving(
    answer: Answer, host: str = "127.0.0.1", looked_at: Callable[[str], Reply] | None = None
) -> Iterator[Server]:
    """Serve until the block ends, on an address of this machine.

    Args:
        looked_at: answers GET, by the path.
    """
    requests: list[dict[str, Any]] = []
    made = Server("", requests)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            made.calls.append(Call("GET", self.path, self.headers, b""))
            self._send(looked_at(self.path) if looked_at is not None else problem(404, "not found"))

        def do_POST(self) -> None:
            body = self._body()
            made.calls.append(Call("POST", self.path, self.headers, body))
            request = json.loads(body)
            requests.append(request)
            reply = answer(request)
            if reply.wait is not None:
                reply.wait.wait(30)
            self._send(reply)

        def _body(self) -> bytes:
            if self.headers["Content-Length"]:
                return self.rfile.read(int(self.headers["Content-Length"]))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def _send_pieces(self, reply: Reply) -> None:
            self.send_response(reply.status)
            head = {"Content-Type": "text/event-stream", "Connection": "close", **reply.headers}
            for name, value in head.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            try:
                for piece in reply.pieces:
                    if isinstance(piece, bytes):
                        self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                        self.wfile.flush()
                    else:
                        piece.wait(30)
                if not reply.cut:
                    self.wfile.write(b"0\r\n\r\n")
            except OSError:
                made.left.append(self.path)

        def _send(self, reply: Reply) -> None:
            self.close_connection = True
            if reply.bare:
                self.wfile.write(reply.body)
                return
            if reply.pieces:
                self._send_pieces(reply)
                return
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", "Connection": "close", **reply.headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            with suppress(BrokenPipeError):  # the client did not wait
                self.wfile.write(reply.body[: len(reply.body) // 2] if reply.cut else reply.body)

    server = ThreadingHTTPServer((host, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        made.url = f"http://{host}:{server.server_port}/v1"
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
