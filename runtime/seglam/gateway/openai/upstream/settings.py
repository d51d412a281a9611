"""Where the upstream is, with whose key it is asked, and how much it may be asked at one time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Self
from urllib.parse import urlsplit

from seglam.web.environment import Environment

DEFAULT_URL = "https://api.openai.com/v1"

Auth = Literal["configured", "client"]


@dataclass(frozen=True, slots=True)
class UpstreamSettings:
    """Settings of the upstream and of what passes to it.

    Attributes:
        url: of its OpenAI-compatible API, up to `/v1`; empty for none. `SEGLAM_UPSTREAM_URL`, else `OPENAI_BASE_URL`,
            else that of OpenAI if there is a key; `none` switches it off.
        key: sent as bearer token where `auth` is `configured`. `SEGLAM_UPSTREAM_KEY`, else `OPENAI_API_KEY` if the
            address is the one that it belongs to.
        auth: whose credentials the upstream gets: the gateway's, or the client's `Authorization` as it came.
            `SEGLAM_UPSTREAM_AUTH`; by default `configured` where there is a key.
        headers: names of further headers that pass. `SEGLAM_UPSTREAM_HEADERS`, separated by commas.
        models: shell patterns of the models that procedures stand in for. `SEGLAM_OPENAI_MODELS`, separated by commas.
        unstored: whether a response that does not say `store` is not to be kept. `SEGLAM_OPENAI_UNSTORED=1`.
        connect_s, first_byte_s, idle_s: deadlines for a connection, for the first byte of an answer, and between two
            pieces of it. `SEGLAM_UPSTREAM_CONNECT_SECONDS`, `..._FIRST_BYTE_SECONDS`, `..._IDLE_SECONDS`.
        at_work: calls at one time. `SEGLAM_UPSTREAM_CONCURRENCY`.
        waiting, wait_s: how many more may wait, and how long. `SEGLAM_UPSTREAM_QUEUE`, `SEGLAM_UPSTREAM_QUEUE_SECONDS`.
        failures, rest_s: after so many failures in a row the upstream is left alone for so long; doubled each time, up
            to a minute. `SEGLAM_UPSTREAM_FAILURES`, `SEGLAM_UPSTREAM_REST_SECONDS`.
        body_bytes: size of a body that is passed on. `SEGLAM_UPSTREAM_BODY_MIB`.
    """

    url: str = ""
    key: str = field(default="", repr=False)
    auth: Auth = "configured"
    headers: frozenset[str] = frozenset()
    models: tuple[str, ...] = ()
    unstored: bool = False
    connect_s: float = 10.0
    first_byte_s: float = 600.0
    idle_s: float = 300.0
    at_work: int = 256
    waiting: int = 256
    wait_s: float = 10.0
    failures: int = 5
    rest_s: float = 2.0
    body_bytes: int = 64 << 20

    @classmethod
    def from_environ(
        cls, environ: Mapping[str, str] | None = None, *, passes: bool = True, auth: Auth | None = None
    ) -> Self:
        """The settings that the environment gives. `SettingsInvalid` names what cannot be used.

        Args:
            passes: whether anything may pass to a model at all.
            auth: what holds unless the environment says otherwise; None for what is said of `auth` above.
        """
        given, known = Environment.of(environ), cls()
        url, key = _where(given) if passes else ("", "")
        auth = auth or ("configured" if key else "client")
        if given.text("SEGLAM_UPSTREAM_AUTH"):
            stated = given.one_of("SEGLAM_UPSTREAM_AUTH", ("configured", "client"))
            auth = "client" if stated == "client" else "configured"
        return cls(
            url=url,
            key=key,
            auth=auth,
            headers=frozenset(name.lower() for name in given.listed("SEGLAM_UPSTREAM_HEADERS")),
            models=given.listed("SEGLAM_OPENAI_MODELS"),
            unstored=given.switch("SEGLAM_OPENAI_UNSTORED"),
            connect_s=given.seconds("SEGLAM_UPSTREAM_CONNECT_SECONDS", known.connect_s, least=0.1),
            first_byte_s=given.seconds("SEGLAM_UPSTREAM_FIRST_BYTE_SECONDS", known.first_byte_s, least=0.1),
            idle_s=given.seconds("SEGLAM_UPSTREAM_IDLE_SECONDS", known.idle_s, least=0.1),
            at_work=given.whole("SEGLAM_UPSTREAM_CONCURRENCY", known.at_work, least=1, most=10_000),
            waiting=given.whole("SEGLAM_UPSTREAM_QUEUE", known.waiting, most=100_000),
            wait_s=given.seconds("SEGLAM_UPSTREAM_QUEUE_SECONDS", known.wait_s),
            failures=given.whole("SEGLAM_UPSTREAM_FAILURES", known.failures, least=1, most=1_000),
            rest_s=given.seconds("SEGLAM_UPSTREAM_REST_SECONDS", known.rest_s, least=0.1),
            body_bytes=given.whole("SEGLAM_UPSTREAM_BODY_MIB", known.body_bytes >> 20, least=1, most=1024) << 20,
        )


def _where(given: Environment) -> tuple[str, str]:
    """Address and key. The key that is meant for `OPENAI_BASE_URL` is never sent to another address."""
    own, shared, key = (given.text(name) for name in ("SEGLAM_UPSTREAM_URL", "OPENAI_BASE_URL", "OPENAI_API_KEY"))
    if own == "none":
        return "", ""
    url = (own or shared or (DEFAULT_URL if key else "")).rstrip("/")
    if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc):
        name = "SEGLAM_UPSTREAM_URL" if own else "OPENAI_BASE_URL"
        raise given.unusable(name, "give the address of an OpenAI-compatible API, such as https://host/v1")
    same = url == (shared or DEFAULT_URL).rstrip("/")
    return url, given.text("SEGLAM_UPSTREAM_KEY") or (key if same else "")
