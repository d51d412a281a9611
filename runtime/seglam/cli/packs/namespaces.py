"""`seglam pack namespace`: who publishes and reviews in a namespace, and how that came to be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from seglam.cli.exits import CliError, Exit
from seglam.cli.opening import DataDir
from seglam.cli.output import Json, Output, one_line, visible
from seglam.cli.packs.options import ConfigDir, Registry, Token
from seglam.cli.packs.places import LOCAL_ORIGIN, Places
from seglam.cli.packs.registry import identity_token, registry

if TYPE_CHECKING:
    import httpx2

    from seglam.cli.packs.registry import Registry as RegistryApi

EPILOG = """\
\b
A namespace that nobody has is free. Where the registry says so (`CLAIMS=first`), whoever comes first owns it: by
`seglam pack namespace claim`, or on the way by `seglam pack publish --claim`. Elsewhere an administrator gives it out.
Names that look like another one are refused, and a name is never free again.

\b
Examples:
  seglam pack namespace claim registry.acme.example/finance --public-key acme.pub
  seglam pack namespace add registry.acme.example/finance bob@acme.example --role reviewer --public-key bob.pub
  seglam pack namespace history registry.acme.example/finance
"""

app = typer.Typer(
    help="Claim a namespace; show and change who publishes and reviews in it.",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode=None,
)

Name = Annotated[
    str,
    typer.Argument(metavar="NAMESPACE", help="ORIGIN/NAMESPACE; without origin this machine's.", show_default=False),
]
Issuer = Annotated[
    str | None,
    typer.Option("--issuer", metavar="URL", show_default=False,
                 help="The OIDC issuer that names them (default: the only one that the registry believes)."),
]  # fmt: skip
PublicKey = Annotated[
    Path | None,
    typer.Option("--public-key", metavar="FILE", show_default=False,
                 help="The public key (PEM) that they sign with, where the namespace publishes by keys."),
]  # fmt: skip
MAX_PAGES = 1_000


@app.command("show")
def show(
    name: Name,
    registry_url: Registry = None,
    data_dir: DataDir = None,
    config_dir: ConfigDir = None,
    as_json: Json = False,
) -> None:
    """Members and keys, with numbers to remove them by, and who is about to come or leave.

    \b
    Example:
      seglam pack namespace show registry.acme.example/finance
    """
    at = _At(name, registry_url, data_dir, config_dir)
    with registry(at.url) as opened:
        found = at.read(opened).json()
    _print(Output(as_json), found)


@app.command("history")
def history(
    name: Name,
    registry_url: Registry = None,
    data_dir: DataDir = None,
    config_dir: ConfigDir = None,
    as_json: Json = False,
) -> None:
    """Every change of who owns it, oldest first; each is signed by the registry (`--json` shows the bundles).

    \b
    Example:
      seglam pack namespace history registry.acme.example/finance
    """
    at, out = _At(name, registry_url, data_dir, config_dir), Output(as_json)
    parameters: dict[str, str] = {"limit": "100"}
    with registry(at.url) as opened:
        for _ in range(MAX_PAGES):
            page = opened.get(f"{at.address}/events", **parameters)
            for event in page["items"]:
                out.say(_told(event))
                out.json(event)
            if not page.get("next"):
                return
            parameters["cursor"] = str(page["next"])


@app.command("claim")
def claim(
    name: Name,
    public_key: PublicKey = None,
    reviews: Annotated[int, typer.Option(min=0, max=16, help="Reviews that a release needs.")] = 0,
    token: Token = None,
    registry_url: Registry = None,
    data_dir: DataDir = None,
    config_dir: ConfigDir = None,
    as_json: Json = False,
) -> None:
    """Make a free namespace yours, with the key that you sign with or, without one, to publish keyless.

    \b
    Example:
      seglam pack namespace claim registry.acme.example/finance --public-key acme.pub
    """
    at = _At(name, registry_url, data_dir, config_dir)
    keys = {"keys": [_pem(public_key)], "mode": "Key"} if public_key else {"mode": "Keyless"}
    with registry(at.url) as opened:
        at.authorize(opened, token)
        body = {"name": at.namespace, "reviews": reviews, **keys}
        found = opened.call("POST", "/api/v1/namespaces", json=body).json()
    _print(Output(as_json), found)


@app.command("add")
def add(
    name: Name,
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="Who, as their certificate or token names them.",
                                           show_default=False)],
    role: Annotated[Literal["reviewer", "publisher", "owner"], typer.Option(help="What they are to be.")],
    issuer: Issuer = None,
    public_key: PublicKey = None,
    token: Token = None,
    registry_url: Registry = None,
    data_dir: DataDir = None,
    config_dir: ConfigDir = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Add a member, or give one another role; with a key also the key. It counts after the registry's cool-down.

    \b
    Example:
      seglam pack namespace add registry.acme.example/finance bob@acme.example --role reviewer --public-key bob.pub
    """
    at = _At(name, registry_url, data_dir, config_dir)
    with registry(at.url) as opened:
        who = {"issuer": issuer or _issuer(opened), "subject": subject}
        at.authorize(opened, token)
        found = at.read(opened).json()
        if not any(_is(each, who, role) for each in found["members"]):
            found = at.change(opened, "POST", "members", {**who, "role": role}).json()
        if public_key is not None:
            body = {"pem": _pem(public_key), "role": role, "holder": who}
            found = at.change(opened, "POST", "keys", body).json()
    _print(Output(as_json), found)


@app.command("remove")
def remove(
    name: Name,
    what: Annotated[str, typer.Argument(metavar="NUMBER|KEY", help="A member's number or a key's id, as `show` says.",
                                        show_default=False)],
    token: Token = None,
    registry_url: Registry = None,
    data_dir: DataDir = None,
    config_dir: ConfigDir = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Remove a member or a key. An owner leaves after the cool-down, everybody else at once.

    \b
    Example:
      seglam pack namespace remove registry.acme.example/finance 2
    """
    at = _At(name, registry_url, data_dir, config_dir)
    kind = "members" if what.isdigit() and len(what) < 20 else "keys"
    with registry(at.url) as opened:
        at.authorize(opened, token)
        found = at.change(opened, "DELETE", f"{kind}/{_part(what)}").json()
    _print(Output(as_json), found)


@app.command("keep")
def keep(
    name: Name,
    number: Annotated[int, typer.Argument(min=1, help="The member's number, as `show` says.", show_default=False)],
    token: Token = None,
    registry_url: Registry = None,
    data_dir: DataDir = None,
    config_dir: ConfigDir = None,
    as_json: Json = False,
) -> None:
    """Take back that an owner is about to leave.

    \b
    Example:
      seglam pack namespace keep registry.acme.example/finance 1
    """
    at = _At(name, registry_url, data_dir, config_dir)
    with registry(at.url) as opened:
        at.authorize(opened, token)
        found = at.change(opened, "POST", f"members/{number}/keep").json()
    _print(Output(as_json), found)


class _At:
    """A namespace, and the registry that has it."""

    def __init__(self, name: str, registry_url: str | None, data_dir: Path | None, config_dir: Path | None) -> None:
        from seglam.packs.names import NameInvalid, PackName

        origin, _, namespace = name.rpartition("/")
        self.origin = origin or LOCAL_ORIGIN
        try:
            self.namespace = PackName(self.origin, namespace, "aa").namespace
        except NameInvalid as error:
            raise CliError(str(error), "write ORIGIN/NAMESPACE", Exit.USAGE, where=name) from error
        self._places = Places.of(registry_url, data_dir, config_dir)
        self.url = self._places.url(self.origin)
        self.address = f"/api/v1/namespaces/{self.namespace}"

    def authorize(self, opened: RegistryApi, token: Path | None) -> None:
        """Exchange the identity token for one of this namespace."""
        opened.authorize(identity_token(token, self.origin, self._places.data_dir), self.namespace, None)

    def read(self, opened: RegistryApi) -> httpx2.Response:
        """The namespace as it is."""
        found = opened.find(self.address)
        if found is None:
            remedy = "make it yours with `seglam pack namespace claim`, where the registry lets you"
            raise CliError("the namespace is free", remedy, Exit.DATA, where=f"{self.origin}/{self.namespace}")
        return found

    def change(self, opened: RegistryApi, method: str, path: str, body: object = None) -> httpx2.Response:
        """A change of the namespace as it is now."""
        return opened.change(method, self.address, path, body)


def _issuer(opened: RegistryApi) -> str:
    issuers = opened.get("/api/v1/origin")["issuers"]
    if len(issuers) != 1:
        what = f"the registry believes {len(issuers)} issuers"
        raise CliError(what, f"name one with --issuer: {', '.join(issuers) or 'none'}", Exit.USAGE)
    return str(issuers[0])


def _pem(file: Path) -> str:
    try:
        text = file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise CliError("the public key cannot be read", "correct the path", where=str(file)) from error
    if "PRIVATE KEY" in text:
        remedy = "give the public key: `seglam pack trust show-key FILE` prints it"
        raise CliError("this is a private key, which is sent to nobody", remedy, Exit.USAGE, where=str(file))
    return text


def _part(text: str) -> str:
    if not text.isascii() or not text.isalnum():
        raise CliError("this is neither a member's number nor a key's id", "see `show`", Exit.USAGE, where=text)
    return text


def _is(member: dict[str, Any], who: dict[str, str], role: str) -> bool:
    same = (member["issuer"], member["subject"], member["role"]) == (who["issuer"], who["subject"], role)
    return same and not member.get("removed")


def _print(out: Output, found: dict[str, Any]) -> None:
    out.say(f"{found['origin']}/{found['name']}  {found['state']}, mode {found['mode']}, "
            f"{found['reviews']} reviews", style="bold")  # fmt: skip
    for each in found["members"]:
        out.say(f"  {each['id']:>4}  {each['role']:<9} {visible(each['subject'], 200)} ({visible(each['issuer'], 200)})"
                f"{_times(each)}")  # fmt: skip
    for each in found["keys"]:
        out.say(f"  key   {each['role']:<9} {each['keyId']} of {visible(each['subject'], 200)}{_times(each)}")
    out.json(found)


def _times(held: dict[str, Any]) -> str:
    until = f", until {held['removed']}" if held.get("removed") else ""
    return f"  from {held['activeFrom']}{until}"


def _told(event: dict[str, Any]) -> str:
    actor, detail = event["actor"], event["detail"]
    about = ", ".join(f"{key} {value['subject'] if isinstance(value, dict) and 'subject' in value else value}"
                      for key, value in detail.items())  # fmt: skip
    signed = "signed" if event.get("bundle") else "unsigned"
    return (f"{event['serial']:>5}  {event['time']}  {event['kind']:<18} by {visible(actor['subject'], 200)}: "
            f"{one_line(about, 400)}; counts from {event['effectiveFrom']}, {signed}")  # fmt: skip
