"""HTTP by uvicorn and httptools, in which what can be answered at once is answered where its last byte is read, or with
what other connections send in the same moment.

A task, a scope, a cycle of messages and a timer for each request cost about as much as the sandbox. They are made for
every request that is not answered at once, which then goes the usual way, from its first byte.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from seglam.gateway.serving.headers import Headers
from seglam.gateway.serving.rounds import AtOnce, Round

MOST = 16 << 10
"""Bytes of a body that is looked at."""
MOST_HEADS = 4
"""Heads that a connection remembers: a client that keeps one sends the same again, but for the length of the body."""
_END = b"\r\n\r\n"


def protocol_of(path: bytes, at_once: AtOnce) -> type[HttpToolsProtocol]:
    """A class for `uvicorn.Config(http=...)`.

    Args:
        path: to which requests are posted that may be answered at once.
        at_once: answers them.
    """
    return type("Swift", (_Swift,), {"path": path, "at_once": at_once, "round": Round(at_once)})


class _Swift(HttpToolsProtocol):
    path: bytes
    at_once: AtOnce
    round: Round

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._headers: Headers | None = None  # of a request that may be answered at once
        self._stayed: Headers | None = None  # of the last one that was
        self._body: bytes | None = None  # of a request that may be answered at once, as far as it has come
        self._stated: tuple[object, bytes] = (None, b"")
        self._until = 0.0  # the connection is kept, while it rests
        self._answered = False
        self._begun = 0  # messages of which the parser has seen the beginning, and those of which it has seen the end
        self._ended = 0
        self._tried = False  # the request at hand must go the usual way
        self._heads: dict[bytes, tuple[Headers, int]] = {}  # of requests answered at once, with the length of the body
        self._whole: bytes | None = None  # a request that will be answered with those of other connections

    def data_received(self, data: bytes) -> None:
        self._settle()
        if not self._again(data):
            self._usual(data)

    def eof_received(self) -> None:
        self._settle()
        super().eof_received()

    def shutdown(self) -> None:
        """Close the connection when what is at work is answered."""
        self._settle()
        super().shutdown()

    def _settle(self) -> None:
        """What has come before is answered first."""
        if self._whole is not None:
            self.round.run()

    def _usual(self, data: bytes) -> None:
        begun, whole = self._begun, self._begun == self._ended
        self._parsed(data)
        self._tried = False
        if whole and self._begun == self._ended == begun + 1 and self._stayed is not None:
            self._remember(data, self._stayed)
        self._stayed = None

    def _again(self, data: bytes) -> bool:
        """Answer a whole request with a head that is known, without parsing it, since it means what it meant before."""
        if not self._heads or self._begun != self._ended:
            return False
        body = data.find(_END) + len(_END)
        known = self._heads.get(data[:body])
        if known is None or known[1] != len(data) - body or not self._free:
            return False
        found = self.at_once.found(known[0], data[body:])
        if found is None:
            self._tried = True
            return False
        self._whole = data
        if len(self.server_state.connections) > 1:
            self.round.add(found, self._told, self.loop.call_soon)
        else:
            answer = self.at_once.answer(found)
            self._told(None if answer is None else self.at_once.written(answer))
        return True

    def _told(self, rest: bytes | None) -> None:
        """Send the answer to the request that was read, or have it go the usual way. A connection that fails is closed,
        so that nobody waits on it.
        """
        data, self._whole = self._whole, None
        if data is None or self.transport.is_closing():
            return
        try:
            if rest is None:
                self._tried = True
                self._usual(data)
            else:
                self._send(rest)
        except Exception:
            self.transport.abort()
            raise

    def _send(self, rest: bytes) -> None:
        self.server_state.total_requests += 1
        self.transport.write(self._head() + rest)
        self._until = self.loop.time() + self.timeout_keep_alive
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _remember(self, data: bytes, headers: Headers) -> None:
        """Keep the head of the one request that these bytes are."""
        body = data.find(_END) + len(_END)
        if headers.get("content-length") != str(len(data) - body) or headers.get("transfer-encoding") is not None:
            return
        if len(self._heads) >= MOST_HEADS:
            self._heads.clear()
        self._heads[data[:body]] = (headers, len(data) - body)

    def _parsed(self, data: bytes) -> None:
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
        self._settle()
        left = self._until - self.loop.time()
        if left > 0:
            self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()

    @property
    def _idle(self) -> bool:
        return (self.cycle is None or self.cycle.response_complete) and not self.transport.is_closing()

    @property
    def _free(self) -> bool:
        """Whether an answer may be written now."""
        cycle = self.cycle
        return (
            (cycle is None or cycle.response_complete)
            and not self.flow.write_paused
            and self.limit_concurrency is None
            and not self.transport.is_closing()
        )

    def on_message_begin(self) -> None:
        self._begun += 1
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
            and not self._tried
            and self._free
            and (headers := self.at_once.head(self.headers)) is not None
        ):
            self._headers, self._body = headers, b""
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
        self._ended += 1
        if self._body is not None and self._headers is not None:
            found = self.at_once.found(self._headers, self._body)
            answer = None if found is None else self.at_once.answer(found)
            if answer is not None and not self.transport.is_closing():
                self._body, self._stayed = None, self._headers
                self._answered = True
                self.server_state.total_requests += 1
                self.transport.write(self._head() + self.at_once.written(answer))
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
