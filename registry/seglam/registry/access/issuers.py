"""The issuers whose identity tokens can be exchanged, and what a token of each says about who holds it.

They are listed in a YAML file:

    issuers:
      - issuer: https://kubernetes.default.svc.cluster.local
        type: kubernetes
        url: https://kubernetes.default.svc
        caFile: /var/run/secrets/kubernetes.io/serviceaccount/ca.crt
        tokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token
      - issuer: https://token.actions.githubusercontent.com
        type: github
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import httpx2
import jwt
import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from seglam.registry.access.identities import Identity
from seglam.registry.access.local import ISSUER as LOCAL
from seglam.registry.access.local import LocalIssuer
from seglam.registry.settings import SettingsInvalid
from seglam.web.discovery import ACCEPT, FAILURES, FETCH_S, addresses, authorities, fetched, origin
from seglam.web.keyring import FetchFailed, Keyring, KeysMissing, Published, TokenRefused
from seglam.web.login.flow import Client, Given, exact

AUDIENCE = "seglam-registry"
MAX_TOKEN = 16 * 1024
LONGEST_S = 86_400 + 60
"""Seconds an identity token may live: who holds a longer one holds a password."""

_ACCOUNT = re.compile(r"system:serviceaccount:([a-z0-9.-]{1,253}):([a-z0-9.-]{1,253})")
_PRINTABLE = re.compile(r"[!-~]{1,512}")

Type = Literal["kubernetes", "github", "email", "plain"]
ACCOUNT_CLAIMS: dict[str, str] = {
    "kubernetes": "kubernetes.io/serviceaccount/uid",
    "github": "repository_id",
    "email": "sub",
    "plain": "",
}
"""Where the issuer's own immutable id of an account is. Members of a path are separated by slashes from the end."""


class IssuersInvalid(SettingsInvalid):
    """A list of issuers that cannot be used."""


class LoginSpec(BaseModel):
    """How people sign in to the pages by an issuer, at which the registry is a client.

    Attributes:
        client_id: the registry's.
        client_secret_file: holds its secret; None for a public client, which PKCE protects.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)

    client_id: Annotated[str, StringConstraints(pattern=r"^[!-~]{1,200}$")]
    client_secret_file: Path | None = None


class IssuerSpec(BaseModel):
    """One issuer.

    Attributes:
        issuer: exactly as its tokens say `iss`.
        type: how the subject of a certificate follows from a token: `kubernetes`: the URI of the service account,
            `github`: the URI of the workflow, `email`: the verified address, `plain`: the subject itself.
        audience: that its tokens must have, and no other beside it.
        url: where its discovery document is, if not at the issuer.
        jwks: address of its keys, if the one in the discovery document is not to be used.
        login: how people sign in to the pages by it; None where they do not.
        account_claim: where its own id of the account is, see `ACCOUNT_CLAIMS`; an empty text for none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)

    issuer: Annotated[str, StringConstraints(pattern=r"^https?://[!-~]{1,500}$")]
    type: Type = "plain"
    audience: str = AUDIENCE
    url: str | None = None
    jwks: str | None = None
    ca_file: Path | None = None
    token_file: Path | None = None
    account_claim: str | None = Field(default=None, max_length=200)
    login: LoginSpec | None = None

    @property
    def base(self) -> str:
        """Where its discovery document is."""
        return (self.url or self.issuer).rstrip("/")

    @property
    def client(self) -> Client | None:
        """The registry as its client; None where nobody signs in by it."""
        if self.login is None:
            return None
        return Client(self.issuer, self.login.client_id, self.login.client_secret_file, self.base, self.ca_file)

    @property
    def account_path(self) -> str:
        """The path of the account's id; empty for none."""
        return ACCOUNT_CLAIMS[self.type] if self.account_claim is None else self.account_claim


def load(file: Path) -> tuple[IssuerSpec, ...]:
    """Read a list of issuers. `IssuersInvalid` says what is wrong and where."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        listed = content["issuers"]
        specs = tuple(IssuerSpec.model_validate(each) for each in listed)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise IssuersInvalid(f"{file}: {where}: {first['msg']}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError) as error:
        raise IssuersInvalid(f"{file} holds no list `issuers`: {error}") from error
    if len({spec.issuer for spec in specs}) != len(specs):
        raise IssuersInvalid(f"{file}: an issuer is listed twice")
    return specs


@dataclass(frozen=True, slots=True)
class Verified:
    """What an accepted identity token says.

    Attributes:
        account: the issuer's own id of the account, which a name that is given to another does not keep; None if it has
            none.
        use: names this very token, to refuse it a second time.
        expires: seconds since the epoch.
    """

    identity: Identity
    account: str | None
    use: str
    expires: int


class Issuers:
    """Checks identity tokens of the configured issuers.

    Args:
        specs: issuers by discovery.
        local: the issuer of this machine, if it is believed.
    """

    def __init__(self, specs: Sequence[IssuerSpec] = (), local: LocalIssuer | None = None) -> None:
        self._local = local
        self.specs = tuple(specs)
        self._specs = {spec.issuer: spec for spec in specs}
        self._keyrings = {spec.issuer: Keyring(_Fetcher(spec).fetch, spec.issuer) for spec in specs}

    async def run(self) -> None:
        """Keep the keys fresh until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for keyring in self._keyrings.values():
                tasks.create_task(keyring.run())

    def ready(self) -> Mapping[str, bool]:
        """Of which issuers the keys are known."""
        return {issuer: keyring.ready.is_set() for issuer, keyring in self._keyrings.items()}

    async def verify(self, token: str) -> Verified:
        """Who a token is from. `TokenRefused` if it is not accepted, `KeysMissing` if that cannot be told yet."""
        if len(token) > MAX_TOKEN:
            raise TokenRefused("token-invalid", f"the token has more than {MAX_TOKEN} characters")
        issuer = _stated_issuer(token)
        if self._local is not None and issuer == LOCAL:
            claims = await asyncio.to_thread(self._local.claims, token, AUDIENCE)
            return Verified(Identity(LOCAL, _subject(str(claims["sub"]))), None, *_use(claims, token))
        spec = self._specs.get(issuer)
        if spec is None:
            raise TokenRefused("token-issuer", f"tokens of {issuer[:200]!r} are not accepted here")
        return _verified(spec, await self._claims(spec, token, spec.audience), token, spec.audience)

    async def signed_in(self, given: Given) -> Verified:
        """Who signed in, by what an issuer gave its client; refused as `verify` refuses."""
        if len(given.token) > MAX_TOKEN:
            raise TokenRefused("token-invalid", f"the token has more than {MAX_TOKEN} characters")
        spec, client_id = self._specs[given.client.issuer], given.client.client_id
        claims = await self._claims(spec, given.token, client_id)
        given.check(claims)
        return _verified(spec, claims, given.token, client_id)

    async def _claims(self, spec: IssuerSpec, token: str, audience: str) -> Mapping[str, Any]:
        keyring = self._keyrings[spec.issuer]
        try:
            return await keyring.claims(token, audience)
        except KeysMissing:
            if not await keyring.refresh():
                raise
            return await keyring.claims(token, audience)


def _stated_issuer(token: str) -> str:
    """The issuer as the token says; it decides only who is to check that."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError as error:
        raise TokenRefused("token-invalid", f"it is no identity token (JWT): {error}") from None
    return str(claims.get("iss", ""))


def _verified(spec: IssuerSpec, claims: Mapping[str, Any], token: str, audience: str) -> Verified:
    exact(claims, audience)
    account = None
    if spec.account_path:
        found = _at(claims, spec.account_path)
        if not isinstance(found, str | int) or isinstance(found, bool) or found == "":
            raise TokenRefused("token-account", f"the token has no claim {spec.account_path}, which names its account")
        account = str(found)[:200]
    return Verified(Identity(spec.issuer, _subject(_named(spec.type, claims))), account, *_use(claims, token))


def _named(kind: Type, claims: Mapping[str, Any]) -> str:
    """The subject that Fulcio would write into a certificate for such a token."""
    subject = str(claims["sub"])
    if kind == "kubernetes":
        found = _ACCOUNT.fullmatch(subject)
        if found is None:
            raise TokenRefused("token-subject", f"{subject[:200]!r} is no service account")
        return f"https://kubernetes.io/namespaces/{found[1]}/serviceaccounts/{found[2]}"
    if kind == "github":
        if not isinstance(workflow := claims.get("job_workflow_ref"), str):
            raise TokenRefused("token-subject", "the token has no claim job_workflow_ref")
        return f"https://github.com/{workflow}"
    if kind == "email":
        if claims.get("email_verified") is not True or not isinstance(claims.get("email"), str):
            raise TokenRefused("token-subject", "the token holds no verified e-mail address")
        return str(claims["email"])
    return subject


def _subject(text: str) -> str:
    if not _PRINTABLE.fullmatch(text):
        raise TokenRefused("token-subject", "the token's subject is not 1 to 512 printable ASCII characters")
    return text


def _use(claims: Mapping[str, Any], token: str) -> tuple[str, int]:
    now = time.time()
    begun = claims.get("iat")
    begun = begun if isinstance(begun, int | float) else now
    if claims["exp"] - begun > LONGEST_S:
        raise TokenRefused("token-lifetime", "the token lives longer than a day; ask for a short one")
    jti = claims.get("jti")
    # Without an id the signed part names the token: the signature could be written in another way.
    use = jti if isinstance(jti, str) and jti else token.rpartition(".")[0]
    return hashlib.sha256(use.encode()).hexdigest(), int(claims["exp"])


def _at(claims: Mapping[str, Any], path: str) -> object:
    """The claim at a path. Names of claims hold slashes and dots, so the longest name that is there is taken."""
    value: object = claims
    parts = path.split("/")
    while parts:
        if not isinstance(value, Mapping):
            return None
        for count in range(len(parts), 0, -1):
            name = "/".join(parts[:count])
            if name in value:
                value, parts = value[name], parts[count:]
                break
        else:
            return None
    return value


class _Fetcher:
    """Asks an issuer for its keys, by its discovery document."""

    def __init__(self, spec: IssuerSpec) -> None:
        self._spec = spec

    async def fetch(self) -> Published:
        spec = self._spec
        try:
            verify = authorities(spec.ca_file)
            headers = {"Accept": ACCEPT}
            if spec.token_file is not None:
                headers["Authorization"] = f"Bearer {spec.token_file.read_text(encoding='ascii').strip()}"
            base = spec.base
            async with httpx2.AsyncClient(verify=verify, timeout=FETCH_S) as client:
                address = spec.jwks
                if address is None:
                    address = (await addresses(client, spec.issuer, base, headers, ("jwks_uri",)))["jwks_uri"]
                # The credentials are for the issuer alone.
                own = origin(address) == origin(base)
                listed = await fetched(client, address, headers if own else {"Accept": ACCEPT})
            return Published(spec.issuer, list(listed["keys"]))
        except FAILURES as error:
            raise FetchFailed(f"{type(error).__name__}: {error}") from error
