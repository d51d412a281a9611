"""Packs with what the index says of them: from a registry, this machine, or a file that crosses an air gap."""

from __future__ import annotations

import getpass
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from seglam.cli.exits import CliError, Exit
from seglam.cli.packs.faults import told

if TYPE_CHECKING:
    from seglam.cli.packs.places import Found, Places
    from seglam.gateway.packs.deciding import Looked
    from seglam.packs.index.bundle import AirGapFile
    from seglam.packs.index.client import Index, Waiver
    from seglam.packs.names import PackName
    from seglam.packs.trust.files import Trust

WAIVED = timedelta(days=90)
"""How long a waiver lasts; then somebody has to say it again."""


def taken_from(
    places: Places, trust: Trust, text: str, tenant: str, *, offline: bool, waive: str | None
) -> Iterator[tuple[Found, Looked]]:
    """The packs that a command line names, each with what the index says; what is learned of the index is kept."""
    from seglam.gateway.packs.deciding import Looked, look

    path = places.file(text)
    carried = _air_gap(path) if path is not None and path.is_file() else None
    if carried is None or path is None:
        if waive:
            raise CliError("--waive-expired is for files of `seglam pack export`", "leave it out", Exit.USAGE)
        for found in places.find_all(text, trust, offline=offline):
            yield found, look(places.library, trust, tenant, found.packed.pack, online=not offline)
        return
    refreshed: dict[str, str] = {}
    for found in places.find_all(text, trust):
        name = found.packed.pack.release.name
        if name.origin not in refreshed:
            refreshed[name.origin] = _refresh(places, trust, tenant, carried, name, waive)
        looked = look(places.library, trust, tenant, found.packed.pack, online=False)
        words = refreshed[name.origin]
        yield found, Looked(None, words, looked.code) if looked.facts is None and words else looked


def looked_at(
    places: Places, trust: Trust, text: str, tenant: str, *, offline: bool, waive: str | None
) -> Iterator[tuple[Found, Looked]]:
    """As `taken_from`, but nothing is kept: the index is looked at in a copy."""
    with tempfile.TemporaryDirectory(prefix="seglam-verify-") as thrown_away:
        copy = Path(thrown_away)
        for folder in ("index", "packs"):
            if (known := places.data_dir / folder).is_dir():
                (copy / folder).symlink_to(known) if folder == "packs" else shutil.copytree(known, copy / folder)
        yield from taken_from(replace(places, data_dir=copy), trust, text, tenant, offline=offline, waive=waive)


def index_for(places: Places, trust: Trust, tenant: str, name: PackName, *, online: bool) -> Index | None:
    """The index that decides about a pack here; None if no trust root names one."""
    from seglam.gateway.packs.deciding import index_of, root_of

    return index_of(places.library, root_of(trust, tenant, str(name)), name.origin, online=online)


def waiver_of(reason: str, at: datetime) -> Waiver:
    """Somebody's decision to believe expired metadata as of the time at which a file was written."""
    from seglam.packs.index.client import Waiver

    return Waiver(reason, getpass.getuser(), at, datetime.now(UTC) + WAIVED)


def _air_gap(path: Path) -> AirGapFile | None:
    """The file as one that crosses an air gap, read whole and checked; None if it is a pack's alone."""
    from seglam.packs.index.bundle import AirGapFile
    from seglam.packs.layout import ImageLayout

    with told(str(path)):
        with ImageLayout.open(path) as layout:
            if "export.json" not in layout.extras():
                return None
        try:
            return AirGapFile(path)
        except OSError as error:
            raise CliError(f"cannot be read ({error.strerror})", "correct the path", where=str(path)) from error


def _refresh(places: Places, trust: Trust, tenant: str, carried: AirGapFile, name: PackName, waive: str | None) -> str:
    """Bring the index of an origin to the file's state; why that was not possible, or nothing."""
    from seglam.packs.index.errors import IndexFault

    index = index_for(places, trust, tenant, name, online=False)
    if index is None or name.origin not in carried.origins:
        return "" if index is None else f"the file carries no index of {name.origin}"
    try:
        carried.refresh(index, waiver=waiver_of(waive, carried.created) if waive else None)
    except IndexFault as fault:
        return f"{fault.words} ({fault.code})"
    return ""
