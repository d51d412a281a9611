"""Tokens: an identity token in, a short one for one namespace out."""

from __future__ import annotations

from anyio import to_thread
from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from seglam.registry.access import tokens
from seglam.registry.access.issuers import Verified
from seglam.registry.api.credentials import Caller, Credentials
from seglam.registry.api.documents import TokenAsked, TokenGiven
from seglam.registry.api.errors import problems
from seglam.registry.api.parts import Here, Parts
from seglam.web import Problem
from seglam.web.keyring import KeysMissing, TokenRefused

router = APIRouter(prefix="/tokens", tags=["tokens"])


@router.post(
    "",
    status_code=201,
    response_model=TokenGiven,
    summary="Exchange an identity token",
    responses=problems(401, 403),
)
async def exchange(here: Here, asked: TokenAsked) -> Response:
    """The identity token must be for this registry alone, and counts once."""
    try:
        who = await here.issuers.verify(asked.token)
    except TokenRefused as refused:
        raise tokens.unauthorized(refused.code, str(refused)) from refused
    except KeysMissing:
        words = "the issuer's keys have not been fetched yet, so no token of it can be checked; try again in a moment"
        raise Problem(503, "keys-missing", words, headers={"Retry-After": "5"}) from None
    given = await to_thread.run_sync(_exchange, here, who, asked)
    if isinstance(given, Problem):
        raise given
    document = TokenGiven(
        token=given.token,
        namespace=given.namespace,
        scopes=list(given.scopes),
        expires=given.expires,
        seconds=given.seconds,
    )
    return JSONResponse(document.model_dump(mode="json", by_alias=True), 201, {"Cache-Control": "no-store"})


@router.delete("", status_code=204, summary="Let the token that is sent count no more", responses=problems(401))
def revoke(here: Here, credentials: Credentials, _: Caller) -> None:
    """For a pipeline that ends before the token does."""
    if credentials is not None:
        raw = credentials.credentials
        here.database.transact(lambda session: tokens.revoke(session, raw))


def _exchange(here: Parts, who: Verified, asked: TokenAsked) -> tokens.Issued | Problem:
    return here.database.transact(
        lambda session: tokens.exchange(session, here.rules, who, asked.namespace, asked.scopes)
    )
