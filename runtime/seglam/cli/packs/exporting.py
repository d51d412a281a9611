"""`seglam pack export`: packs, statements, index and trust as one file that crosses an air gap."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seglam.cli.exits import CliError, Exit
from seglam.cli.opening import DataDir
from seglam.cli.output import Json, Output, visible
from seglam.cli.packs.faults import told
from seglam.cli.packs.options import DEFAULT_TENANT, ConfigDir, Registry, Tenant
from seglam.cli.packs.places import Places
from seglam.cli.packs.requiring import Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seglam.packs.trust.files import Trust


def export(
    packs: Annotated[
        list[str], typer.Argument(metavar="PACK...", help="NAME@VERSION; or NAME for its newest.", show_default=False)
    ],
    target: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where to write.", show_default=False)],
    tenant: Tenant = DEFAULT_TENANT,
    registry: Registry = None,
    data_dir: DataDir = None,
    config_dir: ConfigDir = None,
    as_json: Json = False,
) -> None:
    """Write packs and all that they require, every statement about them, and the index that lists them, as one file.

    It also holds a copy of the trust files here, for people to compare; whoever imports it believes their own. The file
    is an OCI image layout. What was fetched before is not fetched again.

    \b
    Example:
      seglam pack export registry.acme.example/finance/dates@0.1.0 --out dates-export.tar
    """
    from seglam.packs.index.bundle import collect
    from seglam.packs.index.bundle import export as write
    from seglam.packs.index.errors import IndexFault

    out = Output(as_json)
    places = Places.of(registry, data_dir, config_dir)
    trust = places.trust()
    source = Source(places, trust, tenant)
    try:
        with told(), out.progress("exporting"):
            wanted = [source.release(text) for text in packs]
            listed = [release for release in wanted if source.known(release.name.origin, release.name) is not None]
            collected = collect(listed, index=source.index, pull=source.pull)
            collected += [source.pull(each.name, str(each.version)) for each in wanted if each not in listed]
            done = write(target, collected, indexes=source.indexes, trust=_files(trust))
    except IndexFault as fault:
        raise CliError(f"{fault.words} ({fault.code})", "correct the trust root or try again", Exit.MISSING) from fault
    except OSError as error:
        raise CliError(f"cannot be written ({error.strerror})", "choose another --out", where=str(target)) from error
    for each in collected:
        out.say(f"{each.pack.release}  {each.pack.digest}  {len(each.bundles)} statements")
    for origin in sorted({each.pack.release.name.origin for each in collected} - source.indexes.keys()):
        out.note(f"no trust root here names the index of {origin}; it does not travel along")
    out.say(f"  {visible(str(target))}  {done.digest}")
    out.json(
        {
            "file": str(target),
            "digest": done.digest,
            "packs": [{"release": str(each.pack.release), "digest": each.pack.digest,
                       "statements": len(each.bundles)} for each in collected],
            "indexes": sorted(source.indexes),
        }
    )  # fmt: skip


def _files(trust: Trust) -> dict[str, bytes]:
    """The trust files of this machine, under the names that they have in its configuration."""
    found: dict[str, bytes] = {}
    chosen: Sequence[tuple[str, Path]] = sorted(trust.files.items())
    for key, path in chosen:
        found[f"{key}.yaml"] = path.read_bytes()
    return found
