"""The console's addresses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool as threaded
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from seglam.gateway.access import Caller, Scope
from seglam.gateway.pages import charts
from seglam.gateway.pages.board import Board
from seglam.gateway.pages.desk import Desk
from seglam.gateway.pages.issuers import ANSWER, HOME, LOGIN
from seglam.gateway.pages.people import ENTER, People
from seglam.procedures import Request
from seglam.web import Problem
from seglam.web.pages import Pages, Session, assets
from seglam.web.pages.failing import Failing
from seglam.web.pages.mounting import Mounted
from seglam.web.pages.rendering import HEADERS, is_local, redirect
from seglam.web.pages.sessions import form_of, same_site

PREFIXES = ("/", HOME, "/assets")
REVISION = HOME + "/revisions/{digest}"
OPERATIONS = "/console/operations"
ANSWERS = "/console/answers"
LINKS = ((HOME, "Reviews"), (OPERATIONS, "Operations"), (ANSWERS, "Answers"))
MAX_ID = 100
MAX_REASON = 4096
MAX_TRY = 64 * 1024

Who = TypeVar("Who", bound=Caller)
Handler = Callable[[HttpRequest, Session, Who], Awaitable[Response]]


class Console(Generic[Who]):
    """The pages of reviewers and operators.

    Args:
        desk: what reviewers look at and decide on.
        board: what operators look at.
        people: who may.
    """

    def __init__(self, desk: Desk[Who], board: Board[Who], people: People[Who]) -> None:
        self._desk = desk
        self._board = board
        self._people = people
        self._pages = Pages("seglam.gateway.pages", "SEGLAM console", LINKS, leave=HOME + "/leave")
        self._failing = Failing(self._pages, people.sessions.of, "the service failed; its log says why")

    def app(self) -> Starlette:
        """The application of the pages, the assets' too."""
        return Starlette(routes=self._routes(), exception_handlers=self._failing.handlers)

    def beside(self, api: ASGIApp) -> ASGIApp:
        """The pages beside an API."""
        return Mounted(self.app(), api, PREFIXES)

    def _routes(self) -> list[Route]:
        return [
            assets(),
            Route("/", self._home, methods=["GET"]),
            Route(ENTER, self._entrance, methods=["GET"]),
            Route(ENTER, self._enter, methods=["POST"]),
            Route(LOGIN, self._login, methods=["GET"]),
            Route(ANSWER, self._back, methods=["GET"]),
            Route(HOME + "/leave", self._leave, methods=["POST"]),
            Route(HOME, self._signed_in(self._queue, Scope.READ), methods=["GET"]),
            Route(ANSWERS, self._signed_in(self._answer, Scope.READ), methods=["GET"]),
            Route(OPERATIONS, self._signed_in(self._operations, Scope.READ), methods=["GET"]),
            Route(OPERATIONS + "/curve.svg", self._signed_in(self._curve, Scope.READ), methods=["GET"]),
            Route(REVISION, self._signed_in(self._revision, Scope.READ), methods=["GET"]),
            Route(REVISION + "/decisions", self._signed_in(self._decide, Scope.REVIEW), methods=["POST"]),
            Route(REVISION + "/trials", self._signed_in(self._try, Scope.REVIEW), methods=["POST"]),
        ]

    def _signed_in(self, handler: Handler[Who], scope: Scope) -> Callable[[HttpRequest], Awaitable[Response]]:
        """A handler for those who may do at the API what it does."""

        async def handle(request: HttpRequest) -> Response:
            session = self._people.sessions.of(request)
            if session is None:
                return self._entering(401, then=_here(request))
            try:
                caller = await self._people.caller(session)
                caller.need(scope)
                return await handler(request, session, caller)
            except Problem as problem:
                if problem.status == 401:
                    return self._entering(401, then=_here(request), wrong=problem.detail)
                return self._failing.page(problem, session)

        return handle

    def _entering(self, status: int = 200, *, token: str = "", then: str = "", wrong: str | None = None) -> Response:
        people = self._people
        return self._pages.render(
            "entrance.html",
            None,
            status,
            wanted=people.wanted,
            offered=people.issuers,
            login=LOGIN,
            token=token,
            then=then,
            wrong=wrong,
        )

    async def _page(self, template: str, session: Session, status: int = 200, **values: Any) -> Response:
        """A page that may be long, made beside the loop, which answers requests of the API meanwhile."""
        return await threaded(self._pages.render, template, session, status, **values)

    async def _home(self, _: HttpRequest) -> Response:
        return redirect(HOME)

    async def _entrance(self, request: HttpRequest) -> Response:
        # Looking does not use the token up: mail and chat programs open links before people do.
        token, then = request.query_params.get("token", ""), request.query_params.get("then", "")
        return self._entering(token=token, then=then)

    async def _enter(self, request: HttpRequest) -> Response:
        try:
            same_site(request.headers)
            form = await request.form(max_fields=8, max_files=0)
        except Problem as problem:
            return self._failing.page(problem, None)
        given = {name: str(value) for name, value in form.items()}
        then = given.get("then", "")
        response = redirect(then if then and is_local(then) else HOME)
        try:
            await self._people.enter(response, given)
        except Problem as problem:
            token = given.get("token", "") if problem.status == 400 else ""
            return self._entering(problem.status, token=token, then=then, wrong=problem.detail)
        return response

    async def _login(self, request: HttpRequest) -> Response:
        asked = request.query_params
        try:
            return await self._people.leave(asked.get("issuer", ""), asked.get("then", ""))
        except Problem as problem:
            return self._failing.page(problem, None)

    async def _back(self, request: HttpRequest) -> Response:
        try:
            return await self._people.back(request)
        except Problem as problem:
            return self._failing.page(problem, None)

    async def _leave(self, request: HttpRequest) -> Response:
        session = self._people.sessions.of(request)
        response = redirect(ENTER)
        if session is not None:
            try:
                await form_of(request, session)
            except Problem as problem:
                return self._failing.page(problem, session)
            self._people.sessions.end(response)
        return response

    async def _queue(self, request: HttpRequest, session: Session, caller: Who) -> Response:
        found = await self._desk.waiting(caller, request.query_params.get("after"))
        return await self._page("queue.html", session, here=HOME, found=found)

    async def _operations(self, request: HttpRequest, session: Session, caller: Who) -> Response:
        shown = await self._board.overview(caller)
        return await self._page("operations.html", session, here=OPERATIONS, shown=shown)

    async def _curve(self, request: HttpRequest, session: Session, caller: Who) -> Response:
        found = await self._board.traffic(caller)
        drawn = await threaded(charts.curve, found.slices, dark=request.query_params.get("scheme") == "dark")
        # A picture brings its own style sheet; whoever opens it by itself gets no script either.
        policy = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}
        return Response(drawn, headers={**HEADERS, **policy}, media_type="image/svg+xml")

    async def _answer(self, request: HttpRequest, session: Session, caller: Who) -> Response:
        asked = request.query_params.get("id", "").strip()[:MAX_ID]
        shown, wrong, status = None, None, 200
        try:
            shown = await self._board.answer(caller, asked) if asked else None
        except Problem as problem:
            wrong, status = problem.detail, problem.status
        return await self._page("answer.html", session, status, here=ANSWERS, asked=asked, shown=shown, wrong=wrong)

    async def _revision(self, request: HttpRequest, session: Session, caller: Who) -> Response:
        return await self._shown(request.path_params["digest"], session, caller)

    async def _shown(
        self, digest: str, session: Session, caller: Who, status: int = 200, wrong: str | None = None
    ) -> Response:
        shown = await self._desk.proposal(caller, digest)
        return await self._page("revision.html", session, status, here=HOME, shown=shown, wrong=wrong)

    async def _decide(self, request: HttpRequest, session: Session, caller: Who) -> Response:
        form = await form_of(request, session)
        digest = request.path_params["digest"]
        decision, reason = str(form.get("decision", "")), str(form.get("reason", "")).strip()
        if not reason or len(reason) > MAX_REASON:
            return await self._shown(digest, session, caller, 400, "say why, in 1 to 4,096 characters")
        try:
            await self._desk.decide(caller, digest, decision, reason)
        except Problem as problem:
            return await self._shown(digest, session, caller, problem.status, problem.detail)
        return redirect(f"{HOME}/revisions/{digest}")

    async def _try(self, request: HttpRequest, session: Session, caller: Who) -> Response:
        form = await form_of(request, session)
        digest = request.path_params["digest"]
        text, locale = str(form.get("text", "")), str(form.get("locale", "")).strip()
        # With script the result is put into the page that asked, else it is a page.
        template = "trial.html" if request.headers.get("hx-request") == "true" else "trial_page.html"
        if not text.strip() or len(text) > MAX_TRY:
            words = "type a request of 1 to 65,536 characters"
            return self._pages.render(template, session, 400, trial=None, wrong=words, digest=digest)
        asked = Request(text=text, context={"locale": locale} if locale else {})
        trial = await self._desk.attempt(caller, digest, asked)
        return await self._page(template, session, trial=trial, wrong=None, digest=digest)


def _here(request: HttpRequest) -> str:
    """Where to go on after signing in; a form cannot be sent again by itself."""
    return request.url.path if request.method == "GET" else HOME
