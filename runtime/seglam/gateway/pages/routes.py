"""The console's addresses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool as threaded
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from seglam.gateway.pages import charts
from seglam.gateway.pages.board import Board
from seglam.gateway.pages.desk import Desk
from seglam.gateway.pages.showing import proposal
from seglam.procedures import Request
from seglam.web import Problem
from seglam.web.pages import LocalTokens, Pages, Session, Sessions, assets
from seglam.web.pages.failing import Failing
from seglam.web.pages.mounting import Mounted
from seglam.web.pages.rendering import HEADERS, is_local, redirect
from seglam.web.pages.sessions import form_of, same_site

HOME = "/console"
PREFIXES = ("/", HOME, "/assets")
OPERATIONS = "/console/operations"
ANSWERS = "/console/answers"
LINKS = ((HOME, "Reviews"), (OPERATIONS, "Operations"), (ANSWERS, "Answers"))
MAX_ID = 100
MAX_NAME = 200
MAX_REASON = 4096
MAX_TRY = 64 * 1024

Handler = Callable[[HttpRequest, Session], Awaitable[Response]]


class Console:
    """The pages of reviewers and operators.

    Args:
        desk: what reviewers look at and decide on.
        board: what operators look at.
        tokens: what signs somebody in on one machine.
        tenant: whose procedures such a person sees.
    """

    def __init__(
        self, desk: Desk, board: Board, sessions: Sessions, tokens: LocalTokens, *, tenant: str = "default"
    ) -> None:
        self._desk = desk
        self._board = board
        self._sessions = sessions
        self._tokens = tokens
        self._tenant = tenant
        self._pages = Pages("seglam.gateway.pages", "SEGLAM console", LINKS, leave=HOME + "/leave")
        self._failing = Failing(self._pages, sessions.of, "the service failed; its log says why")

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
            Route(HOME + "/enter", self._entrance, methods=["GET"]),
            Route(HOME + "/enter", self._enter, methods=["POST"]),
            Route(HOME + "/leave", self._signed_in(self._leave), methods=["POST"]),
            Route(HOME, self._signed_in(self._queue), methods=["GET"]),
            Route(ANSWERS, self._signed_in(self._answer), methods=["GET"]),
            Route(OPERATIONS, self._signed_in(self._operations), methods=["GET"]),
            Route(OPERATIONS + "/curve.svg", self._signed_in(self._curve), methods=["GET"]),
            Route(HOME + "/revisions/{digest}", self._signed_in(self._revision), methods=["GET"]),
            Route(HOME + "/revisions/{digest}/decisions", self._signed_in(self._decide), methods=["POST"]),
            Route(HOME + "/revisions/{digest}/trials", self._signed_in(self._try), methods=["POST"]),
        ]

    def _signed_in(self, handler: Handler) -> Callable[[HttpRequest], Awaitable[Response]]:
        async def handle(request: HttpRequest) -> Response:
            session = self._sessions.of(request)
            if session is None:
                return self._pages.render("entrance.html", None, 401, token="", then=_here(request), wrong=None)
            try:
                return await handler(request, session)
            except Problem as problem:
                return self._failing.page(problem, session)

        return handle

    async def _home(self, _: HttpRequest) -> Response:
        return redirect(HOME)

    async def _entrance(self, request: HttpRequest) -> Response:
        # Looking does not use the token up: mail and chat programs open links before people do.
        token, then = request.query_params.get("token", ""), request.query_params.get("then", "")
        return self._pages.render("entrance.html", None, token=token, then=then, wrong=None)

    async def _enter(self, request: HttpRequest) -> Response:
        try:
            same_site(request.headers)
            form = await request.form(max_fields=8, max_files=0)
            name, token = str(form.get("name", "")).strip(), str(form.get("token", "")).strip()
            then = str(form.get("then", ""))
            if not name or len(name) > MAX_NAME or not name.isprintable():
                wrong = "give a name of 1 to 200 printable characters"
                return self._pages.render("entrance.html", None, 400, token=token, then=then, wrong=wrong)
            if not self._tokens.take(token):
                wrong = "this token was used already or is too old; `seglam console` prints another"
                return self._pages.render("entrance.html", None, 403, token="", then=then, wrong=wrong)
        except Problem as problem:
            return self._failing.page(problem, None)
        response = redirect(then if then and is_local(then) else HOME)
        self._sessions.begin(response, name, self._tenant)
        return response

    async def _leave(self, request: HttpRequest, session: Session) -> Response:
        await form_of(request, session)
        response = redirect(HOME + "/enter")
        self._sessions.end(response)
        return response

    async def _queue(self, request: HttpRequest, session: Session) -> Response:
        found = await threaded(self._desk.waiting, session.tenant, request.query_params.get("after"))
        return self._pages.render("queue.html", session, here=HOME, found=found)

    async def _operations(self, request: HttpRequest, session: Session) -> Response:
        shown = await threaded(self._board.overview, session.tenant)
        return self._pages.render("operations.html", session, here=OPERATIONS, shown=shown)

    async def _curve(self, request: HttpRequest, session: Session) -> Response:
        found = await threaded(self._board.traffic, session.tenant)
        drawn = await threaded(charts.curve, found.slices)
        # A picture brings its own style sheet; whoever opens it by itself gets no script either.
        policy = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}
        return Response(drawn, headers={**HEADERS, **policy}, media_type="image/svg+xml")

    async def _answer(self, request: HttpRequest, session: Session) -> Response:
        asked = request.query_params.get("id", "").strip()[:MAX_ID]
        shown, wrong, status = None, None, 200
        try:
            shown = await threaded(self._board.answer, session.tenant, asked) if asked else None
        except Problem as problem:
            wrong, status = problem.detail, problem.status
        return self._pages.render("answer.html", session, status, here=ANSWERS, asked=asked, shown=shown, wrong=wrong)

    async def _revision(self, request: HttpRequest, session: Session) -> Response:
        return await self._shown(request.path_params["digest"], session)

    async def _shown(self, digest: str, session: Session, status: int = 200, wrong: str | None = None) -> Response:
        found = await threaded(self._desk.revision, session.tenant, digest)
        replaced = None
        if found["replaces"]:
            replaced = await threaded(self._desk.revision, session.tenant, found["replaces"])
        shown = proposal(found, replaced, session.user)
        return self._pages.render("revision.html", session, status, here=HOME, shown=shown, wrong=wrong)

    async def _decide(self, request: HttpRequest, session: Session) -> Response:
        form = await form_of(request, session)
        digest = request.path_params["digest"]
        decision, reason = str(form.get("decision", "")), str(form.get("reason", "")).strip()
        if not reason or len(reason) > MAX_REASON:
            return await self._shown(digest, session, 400, "say why, in 1 to 4,096 characters")
        try:
            await threaded(self._desk.decide, session.tenant, digest, session.user, decision, reason)
        except Problem as problem:
            return await self._shown(digest, session, problem.status, problem.detail)
        return redirect(f"{HOME}/revisions/{digest}")

    async def _try(self, request: HttpRequest, session: Session) -> Response:
        form = await form_of(request, session)
        digest = request.path_params["digest"]
        text, locale = str(form.get("text", "")), str(form.get("locale", "")).strip()
        # With script the result is put into the page that asked, else it is a page.
        template = "trial.html" if request.headers.get("hx-request") == "true" else "trial_page.html"
        if not text.strip() or len(text) > MAX_TRY:
            words = "type a request of 1 to 65,536 characters"
            return self._pages.render(template, session, 400, trial=None, wrong=words, digest=digest)
        asked = Request(text=text, context={"locale": locale} if locale else {})
        trial = await threaded(self._desk.attempt, session.tenant, digest, asked)
        return self._pages.render(template, session, trial=trial, wrong=None, digest=digest)


def _here(request: HttpRequest) -> str:
    """Where to go on after signing in; a form cannot be sent again by itself."""
    return request.url.path if request.method == "GET" else HOME
