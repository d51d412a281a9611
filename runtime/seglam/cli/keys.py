"""`seglam keys`: API keys of tenants, made, listed and revoked in the store or by a running server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seglam.cli import client
from seglam.cli.exits import CliError, Exit
from seglam.cli.opening import DataDir, Server, Tenant, settings_of, split, store
from seglam.cli.output import Json, Output, visible
from seglam.cli.tables import rows, table

if TYPE_CHECKING:
    from seglam.gateway.access.keys import Keys

app = typer.Typer(
    help="API keys. A key is shown once, when it is made; kept is its hash.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

SCOPES = "ask, feedback, compile, read, review, admin"


@app.command("create")
def create(
    owner: Annotated[
        str,
        typer.Option(help="Who uses it: an author of what it has compiled, the reviewer that it decides as.",
                     metavar="NAME", show_default=False),
    ],
    scope: Annotated[
        list[str] | None,
        typer.Option(help=f"What it allows, of {SCOPES}; may be repeated (default: ask, compile, read).",
                     metavar="SCOPE", show_default=False),
    ] = None,
    days: Annotated[
        int | None, typer.Option(help="Days for which it is in force (default: for ever).", min=1, max=3650,
                                 show_default=False)
    ] = None,
    requests_per_second: Annotated[
        float | None, typer.Option(help="Requests in a second, besides its tenant's limits.", min=0.001,
                                   show_default=False)
    ] = None,
    concurrent: Annotated[
        int | None, typer.Option(help="Requests at one time.", min=1, show_default=False)
    ] = None,
    tenant: Tenant = None,
    server: Server = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Make a key. With --server your own key (SEGLAM_API_KEY) needs the scope admin, and the new one is of your tenant.

    \b
    Examples:
      seglam keys create --owner ci --tenant team-a --scope ask --days 90
      seglam keys create --owner eve --scope read --scope review
    """
    out = Output(as_json)
    limits: dict[str, Any] = {"requestsPerSecond": requests_per_second, "concurrent": concurrent}
    limits = {name: value for name, value in limits.items() if value is not None}
    if server is not None:
        _no_tenant(tenant)
        body: dict[str, Any] = {"owner": owner, "limits": limits}
        body |= {} if scope is None else {"scopes": scope}
        body |= {} if days is None else {"expiresInDays": days}
        made = client.post(server, "/v1/keys", body)
    else:
        made = _made(data_dir, tenant, owner, scope, days, limits)
    out.json(made)
    out.say(made["key"])
    out.note(f"{made['id']} of {made['tenant']}: {', '.join(made['scopes'])}; this text is not shown again")


@app.command("list")
def list_(
    tenant: Tenant = None, server: Server = None, data_dir: DataDir = None, as_json: Json = False
) -> None:  # fmt: skip
    """List keys, of all tenants or of one, also those that are not in force any more.

    \b
    Example:
      seglam keys list --tenant team-a
    """
    out = Output(as_json)
    if server is not None:
        _no_tenant(tenant)
        found: list[dict[str, Any]] = client.get(server, "/v1/keys")["keys"]
    else:
        with _keys(data_dir) as keys:
            found = [each.as_json() for each in keys.all(tenant)]
    shown = table("id", "tenant", "owner", "scopes", "state", "used", left=6)
    for each in found:
        out.json(each)
        state = "revoked" if each["revoked"] else f"until {each['expires'][:10]}" if each["expires"] else "in force"
        line = (each["id"], each["tenant"], each["owner"], ", ".join(each["scopes"]), state, each["used"] or "never")
        rows(shown, [tuple(visible(part) for part in line)])
    out.say(shown if found else "no keys")


@app.command("revoke")
def revoke(
    identity: Annotated[str, typer.Argument(metavar="ID", help="The id, as `seglam keys list` shows it.")],
    server: Server = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Revoke a key. A server that runs on the same database refuses it within five seconds.

    \b
    Example:
      seglam keys revoke 0f3c5a6b7d8e9f01 --server http://127.0.0.1:8484
    """
    out = Output(as_json)
    if server is not None:
        found = client.delete(server, f"/v1/keys/{identity}")
    else:
        with _keys(data_dir) as keys:
            key = keys.revoke(identity)
        if key is None:
            raise CliError(f"there is no key {identity}", "see `seglam keys list`", Exit.DATA)
        found = key.as_json()
    out.json(found)
    out.say(f"{found['id']} of {found['tenant']} was revoked at {found['revoked']}")


def _made(
    data_dir: Path | None,
    tenant: str | None,
    owner: str,
    scope: list[str] | None,
    days: int | None,
    limits: dict[str, Any],
) -> dict[str, Any]:
    from seglam.gateway.access.api import expiry_of, scopes_of
    from seglam.gateway.access.keys import limits_of
    from seglam.web import Problem

    try:
        scopes, expires = scopes_of(scope), expiry_of(days)
    except Problem as error:
        raise split(str(error), f"give some of {SCOPES}", Exit.USAGE) from error
    with _keys(data_dir) as keys:
        key, text = keys.create(
            _named(tenant), owner, scopes, creator="seglam keys", expires=expires, limits=limits_of(limits)
        )
    return {**key.as_json(), "key": text}


@contextmanager
def _keys(data_dir: Path | None) -> Iterator[Keys]:
    """The keys in the ledger's database if one is named, else in the store, which nobody else may have open."""
    from seglam.cli.opening import store_errors
    from seglam.gateway.access.keys import Keys
    from seglam.gateway.ledger import LedgerAddressInvalid, Ledgerbase

    settings = settings_of(data_dir=data_dir)
    if not settings.ledger_url:
        with store(data_dir) as opened:
            yield Keys(opened.keeping)
        return
    try:
        base = Ledgerbase(settings.ledger_url)
    except LedgerAddressInvalid as error:
        raise CliError(str(error), "correct it", Exit.USAGE) from error
    with store_errors():
        try:
            yield Keys(base)
        finally:
            base.close()


def _named(tenant: str | None) -> str:
    from pydantic import TypeAdapter, ValidationError

    from seglam.gateway.store import DEFAULT_TENANT
    from seglam.procedures.document import ResourceName

    try:
        return str(TypeAdapter(ResourceName).validate_python(tenant or DEFAULT_TENANT))
    except ValidationError as error:
        words = "use small letters, digits and hyphens, at most 63"
        raise CliError(f"{tenant!r} is no tenant's name", words, Exit.USAGE) from error


def _no_tenant(tenant: str | None) -> None:
    if tenant is not None:
        raise CliError("a server knows your tenant by your key", "leave --tenant out", Exit.USAGE)
