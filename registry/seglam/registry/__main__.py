"""`python -m seglam.registry`: serve a registry, or migrate its database, or work on the index's keys.

python -m seglam.registry             serve, as the environment says (SEGLAM_REGISTRY_...)
python -m seglam.registry migrate     bring the database to this release's schema, and end
python -m seglam.registry keys ...    see `keys --help`
"""

from __future__ import annotations

import logging
import socket
import sys
from collections.abc import Sequence

import uvicorn

from seglam.registry import migrations
from seglam.registry.database import Database
from seglam.registry.faults import DatabaseError
from seglam.registry.settings import Settings, SettingsInvalid

BACKLOG = 512
"""Connections that wait to be taken."""


def main(arguments: Sequence[str]) -> int:
    """Run a command; the exit code."""
    if arguments[:1] == ["keys"]:
        from seglam.registry.indexing import commands

        return commands.main(list(arguments[1:]))
    if arguments not in ([], ["migrate"]):
        print(__doc__, file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        settings = Settings.from_environ()
        return _migrate(settings) if arguments else _serve(settings)
    except (SettingsInvalid, DatabaseError) as error:
        print(f"seglam registry: {error}", file=sys.stderr)
        return 1


def _migrate(settings: Settings) -> int:
    database = Database(settings.database_url)
    try:
        print(f"{database.place}: schema {migrations.upgrade(database)}")
    finally:
        database.close()
    return 0


def _serve(settings: Settings) -> int:
    from seglam.registry.app import create_app  # loads everything that a registry needs

    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((settings.host, settings.port))
        except OSError as error:
            print(f"seglam registry: {settings.host}:{settings.port} cannot be listened on ({error})", file=sys.stderr)
            return 1
        app = create_app(settings)
        listening.listen(BACKLOG)  # so that whoever reads the next line is not refused a moment later
        print(f"seglam registry: http://{settings.host}:{listening.getsockname()[1]}", flush=True)
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, ws="none", backlog=BACKLOG, timeout_graceful_shutdown=20
        )
        uvicorn.Server(config).run(sockets=[listening])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
