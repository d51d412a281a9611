"""`seglam console`: a link that signs one in to the review console of the service on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from seglam.cli.exits import CliError, Exit
from seglam.cli.opening import DataDir, Server, settings_of
from seglam.cli.output import Json, Output

if TYPE_CHECKING:
    from seglam.gateway.pages import Console
    from seglam.gateway.service import Service
    from seglam.web.pages import LocalTokens

KEY = "pages.key"


def console(server: Server = None, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Print a link to the review console that signs you in, once and within ten minutes.

    Whoever can read the service's data directory may make such links.

    \b
    Example:
      seglam console
    """
    from seglam.web.pages import LocalTokens

    settings = settings_of(data_dir=data_dir)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    at = (server or f"http://{host}:{settings.port}").rstrip("/")
    link = entrance(at, LocalTokens(_key(settings.data_dir)))
    out = Output(as_json)
    out.say(link)
    out.json({"url": link})


def entrance(url: str, tokens: LocalTokens) -> str:
    """The link that signs in to a service, with a token of its own."""
    return f"{url}/console/enter?token={tokens.new()}"


def console_of(service: Service, directory: Path) -> Console:
    """The console of a service whose data are in a directory."""
    from seglam.gateway.pages import Console, EmbeddedBoard, EmbeddedDesk
    from seglam.web.pages import LocalTokens, Sessions

    key = _key(directory)
    return Console(EmbeddedDesk(service), EmbeddedBoard(service), Sessions(key, secure=False), LocalTokens(key))


def _key(directory: Path) -> bytes:
    from seglam.web.pages import key_in

    try:
        directory.mkdir(parents=True, exist_ok=True)
        return key_in(directory / KEY)
    except OSError as error:
        raise CliError(f"the key of the pages cannot be read: {error}", "make it readable", Exit.MISSING) from error
