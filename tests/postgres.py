"""A private PostgreSQL cluster for tests: Debian's binaries, a temporary directory, a free port, gone afterwards."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

USER = "postgres"
ROOTS = (Path("/usr/lib/postgresql"), Path("/usr/pgsql"))
QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""For tests that do not ask what is left after a power failure."""


class Unavailable(Exception):
    """There is no PostgreSQL here; the message says what is missing."""


class Postgres:
    """A running cluster.

    Attributes:
        port: on 127.0.0.1, without a password.
        password: of those who come from elsewhere.
    """

    def __init__(self, directory: Path, port: int) -> None:
        self.directory = directory
        self.port = port
        self.password = secrets.token_hex(16)

    def url(self, database: str) -> str:
        """The address of a database, as the registry takes it."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def open(self, data: Path, *networks: str) -> None:
        """Let others in from these networks, by the password."""
        lines = "".join(f"host all all {network} scram-sha-256\n" for network in networks)
        with (data / "pg_hba.conf").open("a") as file:
            file.write(lines)
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            words = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(USER), sql.Literal(self.password))
            connection.execute(words)
            connection.execute("SELECT pg_reload_conf()")

    def seen_from(self, address: str, url: str) -> str:
        """The address of a database for those whom `open` let in."""
        return f"postgresql://{USER}:{self.password}@{address}:{self.port}/{url.rpartition('/')[2]}"

    def create(self, template: str = "template1") -> str:
        """The address of a new database."""
        name = f"test_{secrets.token_hex(6)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
            )
        return self.url(name)

    def drop(self, url: str) -> None:
        """Remove a database, also where somebody is still connected."""
        name = sql.Identifier(url.rpartition("/")[2])
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@contextmanager
def cluster(
    settings: Mapping[str, str] = QUICK, *, address: str | None = None, networks: Sequence[str] = ()
) -> Iterator[Postgres]:
    """Run a cluster. `Unavailable` says why there is none.

    Its texts sort as English does, so that a query which relies on the order of bytes without saying so is found out.

    Args:
        address: another address of this machine to listen on, for those who come from `networks` with the password.
    """
    binaries = _binaries()
    account = _account()
    directory = Path(tempfile.mkdtemp(prefix="seglam-postgres-"))
    data = directory / "data"
    port = _free_port()
    try:
        if account is not None:
            os.chown(directory, account.pw_uid, account.pw_gid)
        _run(
            account,
            f"{binaries}/initdb --pgdata {data} --username {USER} --auth trust --no-sync "
            "--encoding UTF8 --locale C --locale-provider icu --icu-locale en-US",
        )
        given = {
            "listen_addresses": ",".join(filter(None, ("127.0.0.1", address))),
            "port": str(port),
            "unix_socket_directories": str(directory),
            "max_connections": "200",
            **settings,
        }
        options = " ".join(f"-c {name}={value}" for name, value in given.items())
        control = f"{binaries}/pg_ctl --pgdata {data} --silent"
        _run(account, f"{control} start --wait --log {directory}/log --options", options)
        try:
            made = Postgres(directory, port)
            if networks:
                made.open(data, *networks)
            yield made
        finally:
            _run(account, f"{control} stop --mode immediate")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def running(**options: Any) -> Iterator[Postgres | str]:
    """As `cluster`, or why there is none."""
    try:
        with cluster(**options) as found:
            yield found
    except Unavailable as error:
        yield str(error)


def _binaries() -> Path:
    found = [path for root in ROOTS for path in sorted(root.glob("*/bin")) if (path / "initdb").exists()]
    if not found:
        raise Unavailable("no PostgreSQL here: install the package postgresql (its server need not run)")
    return found[-1]


def _account() -> pwd.struct_passwd | None:
    """Whom the server runs as: it refuses root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(USER)
    except KeyError:
        raise Unavailable(f"these tests run as root and there is no user {USER!r} to run PostgreSQL as") from None


def _run(account: pwd.struct_passwd | None, command: str, *more: str) -> None:
    """Run a command whose words hold no space, and what follows it."""
    who: dict[str, Any] = (
        {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    )
    words = [*command.split(" "), *more]
    done = subprocess.run(
        words,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env={"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", "HOME": "/nonexistent"},
        cwd="/",
        timeout=120,
        **who,
    )
    if done.returncode:
        raise RuntimeError(f"{Path(words[0]).name} failed: {done.stderr.strip()[-1000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
