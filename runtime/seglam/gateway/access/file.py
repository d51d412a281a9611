"""The access file: who the issuers are, whose requests a token's are, and what tenants may use. It is read again as it
changes; a faulty one is reported, and the last good one stays in force.

    issuers:                        # besides the cluster's own
      - {issuer: https://login.example.com, audience: seglam, login: {clientId: seglam-console}}
    identities:                     # the first entry that matches wins
      - {subject: "system:serviceaccount:ci:*", tenant: team-a}
      - {issuer: https://login.example.com, claims: {groups: reviewers}, tenant: team-a, scopes: [ask, read, review]}
    tenants:
      team-a: {requestsPerSecond: 50, burst: 100, concurrent: 64, dailyTokens: 1000000, dailyMoney: "20"}
      team-b: {acceptsFrom: [team-a]}
    defaults: {requestsPerSecond: 20}

In a cluster a service account that no entry names belongs to the tenant of its namespace.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from seglam.gateway.access.caller import Scope
from seglam.gateway.access.limits import Limits
from seglam.procedures.document import ResourceName
from seglam.web.environment import SettingsInvalid

REREAD_S = 10.0
USUAL: frozenset[str] = frozenset({Scope.ASK, Scope.COMPILE, Scope.READ})
"""What a token allows where nothing is said."""
_ACCOUNT = "system:serviceaccount:"

_log = logging.getLogger("seglam.gateway.access")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)


class LoginSpec(_Part):
    """How people sign in to the console by an issuer, at which this service is a client.

    Attributes:
        client_id: this service's.
        client_secret_file: holds its secret; None for a public client, which PKCE protects.
    """

    client_id: Annotated[str, Field(pattern=r"^[!-~]{1,200}$")]
    client_secret_file: Path | None = None


class IssuerSpec(_Part):
    """An issuer of OIDC tokens.

    Attributes:
        issuer: exactly as its tokens say `iss`.
        audience: that its tokens must have.
        jwks_uri: where its keys are, if its discovery document is not to be asked.
        ca_file: authorities that its server's certificate is checked against, instead of the system's.
        login: how people sign in to the console by it; None where they do not.
    """

    issuer: Annotated[str, Field(pattern=r"^https?://[!-~]{1,500}$")]
    audience: Annotated[str, Field(min_length=1, max_length=200)]
    jwks_uri: Annotated[str | None, Field(pattern=r"^https?://[!-~]{1,500}$")] = None
    ca_file: Path | None = None
    login: LoginSpec | None = None


class Identity(_Part):
    """Tokens that belong to a tenant.

    Attributes:
        subject: of the tokens; may hold `*` and `?`.
        issuer: of the tokens; by default the cluster's.
        claims: that the tokens must hold as well: the same text, or a list with it.
    """

    subject: Annotated[str, Field(min_length=1, max_length=512)] = "*"
    issuer: str | None = None
    claims: Mapping[str, str] = {}
    tenant: ResourceName
    scopes: frozenset[Scope] = frozenset(Scope(each) for each in USUAL)

    @model_validator(mode="after")
    def says_whom(self) -> Self:
        """An entry that says nothing would be everybody's."""
        if self.model_fields_set.isdisjoint({"subject", "claims"}):
            raise ValueError("say whose tokens these are: subject, claims or both")
        return self


_Count = Annotated[int | None, Field(ge=1)]


class TenantSpec(_Part):
    """Limits of a tenant, and from whom procedures may be promoted to it."""

    requests_per_second: Annotated[float | None, Field(gt=0, allow_inf_nan=False)] = None
    burst: _Count = None
    concurrent: _Count = None
    daily_tokens: _Count = None
    daily_money: Annotated[Decimal | None, Field(gt=0, allow_inf_nan=False)] = None
    accepts_from: tuple[ResourceName, ...] = ()

    @property
    def limits(self) -> Limits:
        """The limits."""
        return Limits(self.requests_per_second, self.burst, self.concurrent, self.daily_tokens, self.daily_money)


class _File(_Part):
    issuers: list[IssuerSpec] = []
    identities: list[Identity] = []
    tenants: dict[ResourceName, TenantSpec] = {}
    defaults: TenantSpec = TenantSpec()

    @model_validator(mode="after")
    def hangs_together(self) -> Self:
        """Identities name issuers that are there, once each."""
        known = [each.issuer for each in self.issuers]
        if len(set(known)) != len(known):
            raise ValueError("issuers: one is listed twice")
        for number, each in enumerate(self.identities):
            if each.issuer is not None and each.issuer not in known:
                raise ValueError(f"identities.{number}: {each.issuer} is not among the issuers")
        return self


@dataclass(frozen=True, slots=True)
class Grant:
    """Whose a token's requests are, and what they may do."""

    tenant: str
    scopes: frozenset[str]


class Rules:
    """What the access file says.

    Args:
        file: which need not exist; None for no file.
        cluster: whether service accounts belong to the tenants of their namespaces.
        usual: limits of tenants of which the file says nothing, where it has no `defaults` either.

    Raises:
        SettingsInvalid: the file cannot be used.
    """

    def __init__(self, file: Path | None = None, *, cluster: bool = False, usual: Limits | None = None) -> None:
        self._path = file
        self._cluster = cluster
        self._usual = usual or Limits()
        self._text = ""
        self._said = _File()
        self._others = self._usual
        self.reread()

    @property
    def issuers(self) -> Sequence[IssuerSpec]:
        """The issuers besides the cluster's."""
        return self._said.issuers

    def tenant_of(self, subject: str) -> str | None:
        """The tenant of a subject of the cluster's tokens; None if it has none."""
        found = self.grant({"sub": subject})
        return None if found is None else found.tenant

    def grant(self, claims: Mapping[str, Any], issuer: str | None = None) -> Grant | None:
        """What a token allows; None if it belongs to no tenant.

        Args:
            issuer: of the token; None for the cluster's.
        """
        subject = str(claims.get("sub", ""))
        for each in self._said.identities:
            if each.issuer == issuer and fnmatchcase(subject, each.subject) and _holds(claims, each.claims):
                return Grant(each.tenant, frozenset(each.scopes))
        if self._cluster and issuer is None and subject.startswith(_ACCOUNT):
            namespace = subject.removeprefix(_ACCOUNT).partition(":")[0]
            return Grant(namespace, USUAL) if namespace else None
        return None

    def kept(self, claims: Mapping[str, Any], issuer: str) -> dict[str, Any]:
        """What of an issuer's claims decides about a grant, so that it can be decided anew without the token."""
        wanted: dict[str, set[str]] = {}
        for each in self._said.identities:
            if each.issuer == issuer:
                for name, value in each.claims.items():
                    wanted.setdefault(name, set()).add(value)
        held = {name: [value for value in values if _holds(claims, {name: value})] for name, values in wanted.items()}
        return {"sub": str(claims.get("sub", "")), **{name: values for name, values in held.items() if values}}

    def limits_of(self, tenant: str) -> Limits:
        """A tenant's limits. What the file says of it replaces the defaults as a whole."""
        found = self._said.tenants.get(tenant)
        if found is not None:
            return found.limits
        return self._others

    def accepts(self, tenant: str, source: str) -> bool:
        """Whether procedures may be promoted to a tenant from another."""
        found = self._said.tenants.get(tenant)
        return found is not None and source in found.accepts_from

    async def run(self) -> None:
        """Read the file again as it changes, until cancelled."""
        while True:
            await asyncio.sleep(REREAD_S)
            try:
                await asyncio.to_thread(self.reread)
            except SettingsInvalid as error:
                _log.error("%s; the last good one stays in force", error)

    def reread(self) -> None:
        """Read the file if it has changed. `SettingsInvalid` if it cannot be used; then nothing changes."""
        if self._path is None:
            return
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            text = ""
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsInvalid(f"{self._path} cannot be read: {error}") from error
        if text == self._text:
            return
        self._said = said = _parsed(text, self._path)
        self._others = said.defaults.limits if "defaults" in said.model_fields_set else self._usual
        self._text = text
        _log.info("%s maps %d identities", self._path, len(self._said.identities))


def _holds(claims: Mapping[str, Any], wanted: Mapping[str, str]) -> bool:
    for name, value in wanted.items():
        found = claims.get(name)
        if found != value and not (isinstance(found, list) and value in found):
            return False
    return True


def _parsed(text: str, file: Path) -> _File:
    try:
        content = yaml.safe_load(text)
        return _File.model_validate(content if isinstance(content, Mapping) or content else {})
    except yaml.YAMLError as error:
        raise SettingsInvalid(f"{file} is no YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SettingsInvalid(f"{file}: {place}: {first['msg']}") from error
