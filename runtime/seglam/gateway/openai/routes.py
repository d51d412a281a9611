"""The routes of the OpenAI API: who asks, what they ask, a procedure's answer, or the model's."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from seglam import telemetry
from seglam.gateway.access import Caller
from seglam.gateway.access import Scope as Permission
from seglam.gateway.asking import Answers, Asked, Reply
from seglam.gateway.openai import chat, models, responses
from seglam.gateway.openai.answered import Answered
from seglam.gateway.openai.arriving import Arriving, arriving, whole
from seglam.gateway.openai.credentials import identified
from seglam.gateway.openai.errors import Refused, send_error
from seglam.gateway.openai.events import ENCODER, MEDIA
from seglam.gateway.openai.relaying import relay
from seglam.gateway.openai.upstream import Upstream
from seglam.gateway.openai.upstream.service import NO_UPSTREAM, Broken
from seglam.gateway.openai.wanted import Passing, Wanted, Why
from seglam.gateway.outcomes import Answer, Outcome
from seglam.gateway.preferences import cache_status, only_if_cached
from seglam.gateway.serving import ClientGone, Headers, Identify, send_bytes, send_json, unless_gone
from seglam.web import Problem

MAX_LIST = 8 << 20
STATELESS = ("completions", "embeddings", "moderations", "responses/input_tokens", "responses/compact")
KEPT = ("chat/completions/{rest:path}", "responses/{rest:path}", "conversations", "conversations/{rest:path}")

_log = logging.getLogger("seglam.gateway")
_ADDRESS = b"SEGLAM; fwd=bypass; detail=address"

Own = dict[bytes, bytes]
"""Headers of the gateway."""


@dataclass(frozen=True, slots=True)
class Api:
    """One of the two ways to ask.

    Attributes:
        path: behind `/v1`.
        read: from a body to what it asks.
        whole, events: an answer in the API's shape.
    """

    path: str
    read: Callable[[bytes], Wanted | Passing]
    whole: Callable[[Answered, Wanted], bytes]
    events: Callable[[Answered, Wanted], bytes]


def routes(answers: Answers, identify: Identify, upstream: Upstream) -> Mapping[tuple[str, str], ASGIApp]:
    """ASGI callables by method and path.

    Args:
        identify: who asks; raises `Problem` for whom it does not know.
        upstream: the model; whoever made it closes it.
    """
    known, unstored = upstream.settings.models, upstream.settings.unstored
    completions = Api(
        "/chat/completions",
        lambda body: chat.read(body, known),
        lambda answered, _: chat.completion(answered),
        lambda answered, wanted: chat.chunks(answered, usage=wanted.usage),
    )
    responding = Api(
        "/responses",
        lambda body: responses.read(body, known, unstored=unstored),
        lambda answered, wanted: responses.response(answered, wanted.echoed),
        lambda answered, wanted: responses.events(answered, wanted.echoed),
    )
    return {
        ("POST", "/v1/chat/completions"): Asking(completions, answers, identify, upstream),
        ("POST", "/v1/responses"): Asking(responding, answers, identify, upstream),
        ("GET", "/v1/models"): Listing(identify, upstream),
    }


def others(identify: Identify, upstream: Upstream, *, one_tenant: bool) -> list[Route]:
    """Routes of further addresses, which only the upstream has, for the application beside the hot routes.

    Args:
        one_tenant: whether nobody else uses the same key. What the upstream keeps under a key that tenants share is
            reached by none of them.
    """
    endpoint = Forwarding(identify, upstream)
    known = {"/v1/models/{model:path}": ["GET"], **{f"/v1/{name}": ["POST"] for name in STATELESS}}
    if one_tenant or upstream.settings.auth == "client":
        known |= {f"/v1/{name}": ["GET", "POST", "DELETE"] for name in KEPT}
    return [Route(path, endpoint, methods=methods) for path, methods in known.items()]


class _Route:
    """A route: errors in the API's shape, and a place of the tenant's while it is at work."""

    def __init__(self, identify: Identify, upstream: Upstream) -> None:
        self._identify = identify
        self._upstream = upstream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        headers = Headers(scope["headers"])
        own: Own = {b"cache-status": b"SEGLAM; detail=refused"}
        begun = False

        async def sent(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            caller = await identified(headers, self._identify, clients=self._upstream.settings.auth == "client")
            caller.need(Permission.ASK)
            with caller.turn():
                await self.answer(caller, headers, scope, receive, sent, own)
        except (Broken, ClientGone):
            return  # nobody is there, or the end of the answer is missing, as the closed connection shows
        except Problem as problem:
            await send_error(send, problem, own.items())
        except Exception:
            if begun:
                raise
            _log.exception("%s %s failed", scope["method"], scope["path"])
            words = "the service failed; its log says why"
            await send_error(send, Refused(500, "internal", words), own.items())

    async def answer(
        self, caller: Caller, headers: Headers, scope: Scope, receive: Receive, send: Send, own: Own
    ) -> None:
        """Answer a caller. `own` collects headers that errors have too."""
        raise NotImplementedError

    async def pass_on(
        self,
        path: str,
        headers: Headers,
        body: Arriving,
        scope: Scope,
        receive: Receive,
        send: Send,
        own: Callable[[], Own],
    ) -> None:
        """Ask the upstream and send on what it answers, until the client goes.

        Args:
            own: gives headers of the gateway as soon as the answer begins.
        """
        came = _traced(headers)

        async def passing(content: bytes | AsyncIterator[bytes] | None) -> None:
            query = scope.get("query_string", b"")
            async with self._upstream.ask(scope["method"], path, came, content, query=query) as opened:
                await relay(opened, send, own())

        if body.ended:
            await unless_gone(receive, passing(body.beginning or None))
        else:
            await passing(whole(body, receive, self._upstream.settings.body_bytes))


class Asking(_Route):
    """A request to a model, answered by a procedure where there is one."""

    def __init__(self, api: Api, answers: Answers, identify: Identify, upstream: Upstream) -> None:
        super().__init__(identify, upstream)
        self._api = api
        self._answers = answers

    async def answer(
        self, caller: Caller, headers: Headers, scope: Scope, receive: Receive, send: Send, own: Own
    ) -> None:
        """See `_Route.answer`."""
        media = (headers.get("content-type") or "").partition(";")[0].strip().lower()
        if media != "application/json":  # a browser may send others across origins without asking first
            raise Refused(415, "media-type", f"the body is {media or 'of no media type'}; send application/json")
        body = await arriving(receive)
        asked = self._read(body, headers)
        cached = only_if_cached(headers.getlist("cache-control"))
        if isinstance(asked, Passing):
            own.update(_passing(asked))
            self._may_pass(asked, cached)
            await self.pass_on(self._api.path, headers, body, scope, receive, send, lambda: own)
            return
        reply = await self._asked(asked, caller, headers, cached)
        own.update(told(reply.answer))
        if reply.answer.outcome is Outcome.HIT:
            await self._respond(asked, reply.answer, send, own)
            return
        if cached or asked.model == models.OWN:
            raise _missed(reply.answer, asked)
        own.update(forwarded(reply.answer))
        # What follows from the miss is known as a rule when the model begins to answer, and is not waited for.
        await self.pass_on(self._api.path, headers, body, scope, receive, send, lambda: forwarded(_latest(reply)))

    def _read(self, body: Arriving, headers: Headers) -> Wanted | Passing:
        if not body.readable:
            return Passing(Why.TOO_LARGE)
        if headers.get("content-encoding") not in (None, "", "identity"):
            return Passing(Why.UNREADABLE)
        return self._api.read(body.beginning)

    async def _asked(self, wanted: Wanted, caller: Caller, headers: Headers, cached: bool) -> Reply:
        asked = Asked(
            wanted.request,
            caller,
            only_if_cached=cached or not wanted.compilable or not caller.may(Permission.COMPILE),
            wait_s=0,
            headers=telemetry.trace_headers(headers.raw),
            source="openai",
            detached=True,
            fits=wanted.unfit,
        )
        return await self._answers.answer(asked)

    async def _respond(self, wanted: Wanted, answer: Answer, send: Send, own: Own) -> None:
        answered = Answered.of(answer, int(time.time()))
        own[b"x-request-id"] = answer.id.encode()
        if wanted.stream:
            head = [(b"content-type", MEDIA), (b"cache-control", b"no-store"), *own.items()]
            await send_bytes(send, 200, head, self._api.events(answered, wanted))
        else:
            await send_json(send, 200, self._api.whole(answered, wanted), own.items())

    def _may_pass(self, passing: Passing, cached: bool) -> None:
        """Whether anybody but a procedure may answer."""
        if passing.model == models.OWN:
            words = f"the model {models.OWN} is procedures only: {passing.words}"
            raise Refused(400, f"no-procedure:{passing.why}", words, param=passing.param)
        if cached:
            raise Refused(504, "only-if-cached", f"no model may be asked, and {passing.words}", again=False)
        if not self._upstream.settings.url:
            raise Refused(503, "no-upstream", f"{passing.words}; {NO_UPSTREAM}", param=passing.param, again=False)


class Listing(_Route):
    """The models: the upstream's, and the one that is only procedures."""

    async def answer(
        self, caller: Caller, headers: Headers, scope: Scope, receive: Receive, send: Send, own: Own
    ) -> None:
        """See `_Route.answer`."""
        own[b"cache-status"] = _ADDRESS
        if not self._upstream.settings.url:
            await send_json(send, 200, models.listed(None) or b"", own.items())
            return
        # Asked for as it is, since it is taken apart.
        plainly = [(name, value) for name, value in headers.raw if name != b"accept-encoding"]
        async with self._upstream.ask("GET", "/models", [*plainly, (b"accept-encoding", b"identity")]) as opened:
            if opened.status != 200:
                await relay(opened, send, own)
                return
            try:
                listed = models.listed(await opened.whole(MAX_LIST))
            except Broken as broken:
                raise Refused(502, "upstream-broken", str(broken)) from None
        if listed is None:
            raise Refused(502, "upstream-broken", "the upstream's list of models is none")
        await send_json(send, 200, listed, own.items())


class Forwarding(_Route):
    """Another address of the API, which only the upstream has."""

    async def answer(
        self, caller: Caller, headers: Headers, scope: Scope, receive: Receive, send: Send, own: Own
    ) -> None:
        """See `_Route.answer`."""
        own[b"cache-status"] = _ADDRESS
        path = scope["path"].removeprefix("/v1")
        if path == f"/models/{models.OWN}":
            await send_json(send, 200, ENCODER.encode(models.own()), own.items())
            return
        body = await arriving(receive)
        await self.pass_on(path, headers, body, scope, receive, send, lambda: own)


def told(answer: Answer) -> Own:
    """What headers say of an answer: how the cache came to it, and by which procedure."""
    own = {b"cache-status": cache_status(answer).encode("latin-1", "replace"), b"seglam-answer": answer.id.encode()}
    if answer.procedure is not None and answer.revision is not None:
        own[b"seglam-procedure"] = answer.procedure.encode()
        own[b"seglam-revision"] = answer.revision.encode()
    if answer.trace is not None:
        own[b"seglam-trace"] = answer.trace.encode()
    if answer.compilation is not None:
        own[b"seglam-compilation"] = answer.compilation.encode()
    return own


def forwarded(answer: Answer) -> Own:
    """The same of a miss that the model answers."""
    own = told(answer)
    if answer.compilation is None:
        own[b"cache-status"] = f"SEGLAM; fwd=miss; detail={answer.reason}".encode("latin-1", "replace")
    return own


def _passing(passing: Passing) -> Own:
    """What headers say of a call that passes the procedures by."""
    member = f'; member="{passing.param}"' if passing.param else ""
    return {
        b"cache-status": f"SEGLAM; fwd=bypass; detail={passing.why}".encode(),
        b"seglam-passed": f"{passing.why}{member}".encode(),
    }


def _traced(headers: Headers) -> list[tuple[bytes, bytes]]:
    """The client's headers, with this gateway's span where one is recorded."""
    carrier = telemetry.carrier()
    if not carrier:
        return list(headers.raw)
    own = [(name.encode(), value.encode("latin-1", "replace")) for name, value in carrier.items()]
    return [*((name, value) for name, value in headers.raw if name not in (b"traceparent", b"tracestate")), *own]


def _latest(reply: Reply) -> Answer:
    """The answer with what followed from it, as far as that is known by now."""
    following = reply.following
    if following is not None and following.done() and not following.cancelled() and following.exception() is None:
        return following.result()
    return reply.answer


def _missed(answer: Answer, wanted: Wanted) -> Refused:
    """A miss that nobody else may answer."""
    words = f"no procedure answers this: {answer.explanation}"
    if wanted.model == models.OWN:
        words += f"; the model {models.OWN} is procedures only, name another to have the model asked"
    return Refused(504, f"miss:{answer.reason}", words, again=False)
