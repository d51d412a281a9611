"""The marketplace's addresses."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool as threaded
from starlette.datastructures import FormData
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from seglam.packs.problems import PackInvalid
from seglam.procedures import Request
from seglam.registry import search
from seglam.registry.api import conditions
from seglam.registry.faults import DatabaseError
from seglam.registry.pages.catalogue import Catalogue, Place
from seglam.registry.pages.entrance import ANSWER, HOME, LOGIN, MemberEntrance
from seglam.web import Problem
from seglam.web.pages import Pages, Session, assets
from seglam.web.pages.failing import Failing
from seglam.web.pages.mounting import Mounted
from seglam.web.pages.rendering import redirect
from seglam.web.pages.sessions import form_of, plain_form

LEAVE = HOME + "/leave"
PREFIXES = ("/", HOME, "/assets")
LINKS = ((HOME, "Packs"),)
PACK = HOME + "/packs/{namespace}/{pack}"
VERSION = PACK + "/versions/{version}"
MAX_TEXT = 64 * 1024
MAX_LOCALE = 64
_log = logging.getLogger("seglam.registry.pages")

Handler = Callable[[HttpRequest], Awaitable[Response]]


class Marketplace:
    """The pages of who chooses a pack. What they show is public, as it is in the API; members decide on versions.

    Args:
        entrance: where they sign in; None where nobody does.
    """

    def __init__(self, catalogue: Catalogue, entrance: MemberEntrance | None = None) -> None:
        self._catalogue = catalogue
        self._entrance = entrance
        self._pages = Pages("seglam.registry.pages", "SEGLAM marketplace", LINKS, leave=LEAVE, public=True)
        self._failing = Failing(self._pages, self._session, "the registry failed; its log says why")
        if entrance is not None:
            self._pages.offer(LOGIN)

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
            Route(HOME, self._told(self._search), methods=["GET"]),
            Route(PACK, self._told(self._pack), methods=["GET"]),
            Route(PACK + "/difference", self._told(self._difference), methods=["GET"]),
            Route(VERSION, self._told(self._version), methods=["GET"]),
            Route(VERSION + "/procedures/{name}", self._told(self._procedure), methods=["GET"]),
            Route(VERSION + "/trials", self._told(self._try), methods=["POST"]),
            Route(VERSION + "/decisions", self._told(self._decide), methods=["POST"]),
            Route(LOGIN, self._told(self._login), methods=["GET"]),
            Route(ANSWER, self._told(self._answered), methods=["GET"]),
            Route(LEAVE, self._told(self._leave), methods=["POST"]),
        ]

    def _told(self, handler: Handler) -> Handler:
        """A handler whose refusals are pages."""

        async def handle(request: HttpRequest) -> Response:
            try:
                return await handler(request)
            except Problem as problem:
                return self._failing.page(problem, self._session(request))
            except DatabaseError as error:
                _log.error("the database: %s", error)
                words = "the registry's database cannot be used now; nothing was changed"
                return self._failing.page(Problem(503, error.code, words), self._session(request))
            except PackInvalid as error:
                words = f"what is kept of the pack cannot be read: {error}"
                return self._failing.page(Problem(500, "blob-damaged", words), self._session(request))

        return handle

    def _session(self, request: HttpRequest) -> Session | None:
        return self._entrance.sessions.of(request) if self._entrance is not None else None

    def _signed_in(self, request: HttpRequest) -> tuple[MemberEntrance, Session]:
        session = self._session(request)
        if self._entrance is None or session is None:
            raise Problem(401, "token-missing", "sign in first; your session may have ended")
        return self._entrance, session

    async def _login(self, request: HttpRequest) -> Response:
        if self._entrance is None:
            raise Problem(404, "http", "nobody signs in here")
        issuer, then = request.query_params.get("issuer"), request.query_params.get("then", "")
        offered = self._entrance.logins.offered
        if issuer is None and len(offered) > 1:
            return self._pages.render("login.html", None, here=HOME, offered=offered, then=then, at=LOGIN)
        return await self._entrance.begin(issuer or offered[0], then)

    async def _answered(self, request: HttpRequest) -> Response:
        if self._entrance is None:
            raise Problem(404, "http", "nobody signs in here")
        return await self._entrance.answered(request)

    async def _leave(self, request: HttpRequest) -> Response:
        entrance, session = self._signed_in(request)
        await form_of(request, session)
        response = redirect(HOME)
        entrance.sessions.end(response)
        return response

    async def _decide(self, request: HttpRequest) -> Response:
        _, session = self._signed_in(request)
        form = await form_of(request, session)
        place, version = _place(request), request.path_params["version"]
        reason, seen = str(form.get("reason", "")).strip(), str(form.get("seen", ""))
        decision = str(form.get("decision", ""))
        try:
            await threaded(self._catalogue.decide, place, version, session, decision, reason, seen)
        except Problem as problem:
            if problem.status in (404, 410):
                raise
            return await self._shown(request, problem.status, problem.detail)
        return redirect(f"{HOME}/packs/{place.namespace}/{place.pack}/versions/{version}")

    async def _home(self, _: HttpRequest) -> Response:
        return redirect(HOME)

    async def _search(self, request: HttpRequest) -> Response:
        given = request.query_params
        chosen = {facet: _texts(given.getlist(facet)) for facet in search.FACETS if given.getlist(facet)}
        text = _texts([given.get("q", "")])[0]
        found = await threaded(self._catalogue.search, search.Query(text, chosen), given.get("cursor"))
        return self._pages.render(
            "search.html",
            self._session(request),
            here=HOME,
            found=found,
            text=text,
            chosen=chosen,
            facets=list(_facets(text, chosen, found["facets"])),
            further=_address(text, chosen, cursor=found["next"][: conditions.MAX_CURSOR]) if found["next"] else None,
            narrowed=bool(text or chosen),
        )

    async def _pack(self, request: HttpRequest) -> Response:
        found = await threaded(self._catalogue.pack, _place(request), request.query_params.get("cursor"))
        return self._pages.render("pack.html", self._session(request), here=HOME, shown=found)

    async def _version(self, request: HttpRequest) -> Response:
        return await self._shown(request)

    async def _shown(self, request: HttpRequest, status: int = 200, wrong: str | None = None) -> Response:
        version, after = request.path_params["version"], request.query_params.get("after")
        found = await threaded(self._catalogue.version, _place(request), version, after)
        return self._pages.render("version.html", self._session(request), status, here=HOME, shown=found, wrong=wrong)

    async def _procedure(self, request: HttpRequest) -> Response:
        given = request.path_params
        found = await threaded(self._catalogue.procedure, _place(request), given["version"], given["name"])
        return self._pages.render("procedure.html", self._session(request), here=HOME, shown=found)

    async def _difference(self, request: HttpRequest) -> Response:
        given = request.query_params
        before, after = given.get("before", ""), given.get("after", "")
        found = await threaded(self._catalogue.difference, _place(request), before[:64], after[:64])
        return self._pages.render("difference.html", self._session(request), here=HOME, shown=found)

    async def _try(self, request: HttpRequest) -> Response:
        # Nothing is changed by a trial, so that nobody needs to be signed in; other sites' pages may not cause one.
        form = await plain_form(request)
        place, version = _place(request), request.path_params["version"]
        part = request.headers.get("hx-request") == "true"
        asked, trial, wrong, status = None, None, None, 200
        try:
            asked = await self._asked(form, place, version)
            trial = await threaded(self._catalogue.attempt, place, version, asked)
        except Problem as problem:
            if not part and problem.status in (404, 410):
                raise
            wrong, status = problem.detail, problem.status
        given: dict[str, Any] = {"asked": asked, "trial": trial, "wrong": wrong, "version": version}
        if part:  # htmx puts in what came with 200 only
            return self._pages.render("trial.html", None, **given)
        back = f"{HOME}/packs/{place.namespace}/{place.pack}/versions/{version}"
        if place.origin is not None:
            back += f"?{urlencode({'origin': place.origin})}"
        return self._pages.render("trial_page.html", self._session(request), status, here=HOME, back=back, **given)

    async def _asked(self, form: FormData, place: Place, version: str) -> Request:
        if example := str(form.get("example", "")):
            name, _, number = example.rpartition(":")
            if not number.isascii() or not number.isdigit() or len(number) > 4:
                raise Problem(422, "invalid", "an example is named by its procedure and number")
            return await threaded(self._catalogue.example, place, version, name, int(number))
        text = str(form.get("text", "")).replace("\r\n", "\n")  # as browsers send what has several lines
        locale = str(form.get("locale", "")).strip()
        if not text.strip() or len(text.encode("utf-8", "surrogatepass")) > MAX_TEXT:
            raise Problem(422, "invalid", f"a request has 1 to {MAX_TEXT} bytes")
        if len(locale) > MAX_LOCALE or not locale.isascii() or not locale.isprintable():
            raise Problem(422, "invalid", "a locale is a language and perhaps a region, such as en-US")
        return Request(text=text, context={"locale": locale} if locale else {})


def _place(request: HttpRequest) -> Place:
    given = request.path_params
    return Place(given["namespace"], given["pack"], request.query_params.get("origin"))


def _texts(values: list[str]) -> list[str]:
    """Values that a database can be asked for."""
    for value in values:
        if len(value) > search.MAX_QUERY or "\x00" in value:
            raise Problem(422, "invalid", f"a value has at most {search.MAX_QUERY} characters, none of them U+0000")
    if len(values) > search.MAX_VALUES:
        raise Problem(422, "invalid", f"at most {search.MAX_VALUES} values of one facet can be chosen")
    return values


def _facets(text: str, chosen: Mapping[str, list[str]], counted: Mapping[str, Mapping[str, int]]) -> Iterator[Any]:
    """Each facet with its values: how many packs have it, whether it is chosen, and the address that changes that."""
    for facet, values in counted.items():
        taken = chosen.get(facet, [])
        rows = []
        for value in [*values, *(each for each in taken if each not in values)]:
            other = [each for each in taken if each != value] if value in taken else [*taken, value]
            changed = {**chosen, facet: other}
            rows.append(
                {
                    "value": value,
                    "count": values.get(value, 0),
                    "chosen": value in taken,
                    "address": _address(text, changed),
                }
            )
        if rows:
            yield {"name": facet, "rows": rows}


def _address(text: str, chosen: Mapping[str, list[str]], **more: str) -> str:
    pairs = [("q", text)] if text else []
    pairs += [(facet, value[: search.MAX_QUERY]) for facet, values in chosen.items() for value in values]
    return f"{HOME}?{urlencode([*pairs, *more.items()])}"
