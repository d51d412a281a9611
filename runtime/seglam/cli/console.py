"""`seglam console`: a link that signs one in to the review console of the service on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from seglam.cli.exits import CliError, Exit
from seglam.cli.opening import DataDir, Server, settings_of
from seglam.cli.output import Json, Output

if TYPE_CHECKING:
    from seglam.gateway.access import Caller
    from seglam.gateway.pages import Console
    from seglam.gateway.service import Service
    from seglam.gateway.settings import Settings
    from seglam.web.pages import LocalTokens

KEY = "pages.key"


def console(server: Server = None, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Print a link to the review console that signs you in, once and within ten minutes.

    Whoever can read the service's data directory may make such links. Where callers prove who they are
    (SEGLAM_ACCESS=required), people do so there as well: with an API key, or by OpenID Connect.

    \b
    Example:
      seglam console
    """
    from seglam.web.pages import LocalTokens

    settings = settings_of(data_dir=data_dir)
    out = Output(as_json)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    at = (server or f"http://{host}:{settings.port}").rstrip("/")
    if settings.access_required:
        link = f"{settings.public_url or at}/console"
        out.note("sign in there with an API key, or by an issuer of the access file")
    else:
        link = entrance(at, LocalTokens(_key(settings.data_dir)))
    out.say(link)
    out.json({"url": link})


def entrance(url: str, tokens: LocalTokens) -> str:
    """The link that signs in to a service, with a token of its own."""
    return f"{url}/console/enter?token={tokens.new()}"


def console_of(service: Service, settings: Settings, url: str, *, local: bool) -> Console[Caller] | None:
    """The console of a service; None where nobody could sign in safely.

    Args:
        url: where the service listens.
        local: whether it is reached from this machine only. From others it needs TLS, and names that are proved.
    """
    from seglam.gateway.pages import Console
    from seglam.gateway.pages.embedded import EmbeddedBoard, EmbeddedDesk
    from seglam.gateway.pages.people import Members, Neighbours, People
    from seglam.web.pages import LocalTokens, Sessions

    if not local and not (service.access.required and settings.public_url):
        return None
    key = _key(settings.data_dir)
    people: People[Caller] = Neighbours(Sessions(key, secure=False), LocalTokens(key))
    if service.access.required:
        people = Members(service.access.door(), key, settings.public_url or url)
    return Console(EmbeddedDesk(service), EmbeddedBoard(service), people)


def _key(directory: Path) -> bytes:
    from seglam.web.pages import key_in

    try:
        directory.mkdir(parents=True, exist_ok=True)
        return key_in(directory / KEY)
    except OSError as error:
        raise CliError(f"the key of the pages cannot be read: {error}", "make it readable", Exit.MISSING) from error
