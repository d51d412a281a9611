"""Signing people in: who comes out is the same identity that an identity token of theirs has at the API."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from seglam.registry.access.issuers import Issuers, Verified
from seglam.registry.database import Database
from seglam.registry.tables import UsedTokenRow, stamp
from seglam.web.login.flow import LASTS_S, Client, Logins

USED = "login"


def logins(issuers: Issuers, database: Database, redirect: str) -> Logins[Verified]:
    """The issuers at which people sign in.

    Args:
        redirect: the address of ours to which issuers send people back.
    """

    def clients() -> list[Client]:
        return [client for spec in issuers.specs if (client := spec.client) is not None]

    return Logins(clients, redirect, issuers.signed_in, lambda use: _first(database, use))


def _first(database: Database, use: str) -> bool:
    """Whether this is the first answer to what somebody began, on all replicas; blocks."""
    until = stamp(datetime.fromtimestamp(time.time() + 2 * LASTS_S, UTC))

    def write(session: Session) -> bool:
        try:
            with session.begin_nested():
                session.add(UsedTokenRow(issuer=USED, jti=use, expires=until))
        except IntegrityError:
            return False
        return True

    return database.transact(write)
