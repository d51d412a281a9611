"""HTTP by uvicorn and httptools, in which what can be answered at once is answered where its last byte is read.

A task, a scope, a cycle of messages and a timer for each request cost about as much as the sandbox. They are made for
every request that is not answered at once, which then goes the usual way, from its first byte.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

AtOnce = Callable[[Sequence[tuple[bytes, bytes]], bytes], bytes | None]
"""From the headers of a request, names in lower case, and its body to what follows the status line and the server's own
headers of a 200; None if the request must go the usual way."""

MOST = 16 << 10
"""Bytes of a body that is looked at."""


def protocol_of(path: bytes, at_once: AtOnce) -> type[HttpToolsProtocol]:
    """A class for `uvicorn.Config(http=...)`.

    Args:
        path: to which requests are posted that may be answered at once.
        at_once: answers them; never waits, and never raises.
    """
    return type("Swift", (_Swift,), {"path": path, "at_once": staticmethod(at_once)})


class _Swift(HttpToolsProtocol):
    path: bytes
    at_once: AtOnce

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._body: bytes | None = None  # of a request that may be answered at once, as far as it has come
        self._stated: tuple[object, bytes] = (None, b"")
        self._until = 0.0  # the connection is kept, while it rests
        self._answered = False

    def data_received(self, data: bytes) -> None:
        timer, self.timeout_keep_alive_task = self.timeout_keep_alive_task, None
        super().data_received(data)
        if self._body is not None:  # its end is on the way
            if self.parser is None or self.transport.is_closing():
                self._body = None
            else:
                self._hand_on()
        if timer is None and not self._answered:
            return
        rests = self._answered and self.timeout_keep_alive_task is None and self._idle
        self._answered = False
        if rests and timer is None:
            timer = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)
        if rests:
            self._until = self.loop.time() + self.timeout_keep_alive
            self.timeout_keep_alive_task = timer
        elif timer is not None:
            timer.cancel()

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection, unless it was used since the timer began: making one for each answer takes longer than
        its head."""
        left = self._until - self.loop.time()
        if left > 0:
            self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()

    @property
    def _idle(self) -> bool:
        return (self.cycle is None or self.cycle.response_complete) and not self.transport.is_closing()

    def on_message_begin(self) -> None:
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_headers_complete(self) -> None:
        if (
            self.url == self.path
            and self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
            and not self.expect_100_continue
            and not self.flow.write_paused
            and self._idle
            and self.limit_concurrency is None
        ):
            self._body = b""
        else:
            self._begin()

    def on_body(self, body: bytes) -> None:
        if self._body is None:
            super().on_body(body)
        elif len(self._body) + len(body) > MOST:
            self._hand_on()
            super().on_body(body)
        else:
            self._body += body

    def on_message_complete(self) -> None:
        if self._body is not None:
            rest = self.at_once(self.headers, self._body)
            if rest is not None and not self.transport.is_closing():
                self._body = None
                self._answered = True
                self.server_state.total_requests += 1
                self.transport.write(self._head() + rest)
                return
            self._hand_on()
        super().on_message_complete()

    def _hand_on(self) -> None:
        """The request goes the usual way, with what has come of its body."""
        body, self._body = self._body, None
        self._begin()
        if body:
            super().on_body(body)

    def _begin(self) -> None:
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()  # makes the scope
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)
        super().on_headers_complete()

    def _head(self) -> bytes:
        """The status line and the server's headers, which are new each second."""
        headers = self.server_state.default_headers
        if self._stated[0] is not headers:
            lines = b"".join(b"%b: %b\r\n" % each for each in headers)
            self._stated = (headers, b"HTTP/1.1 200 OK\r\n" + lines)
        return self._stated[1]
