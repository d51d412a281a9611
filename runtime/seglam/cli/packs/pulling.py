"""`seglam pack pull`: a pack of a registry as a file, with every statement about it."""

from __future__ import annotations

from pathlib import Path

from seglam.cli.exits import CliError
from seglam.cli.opening import DataDir
from seglam.cli.output import Json, Output, visible
from seglam.cli.packs.faults import told
from seglam.cli.packs.options import ConfigDir, Out, Pack, Registry
from seglam.cli.packs.places import Places


def pull(
    pack: Pack,
    target: Out = None,
    registry: Registry = None,
    data_dir: DataDir = None,
    config_dir: ConfigDir = None,
    as_json: Json = False,
) -> None:
    """Fetch a pack and its signed statements into one file, an OCI image layout. Every byte is checked by its digest.

    Pulling decides nothing: ask `seglam pack verify` about the file. What was fetched before is not fetched again.

    \b
    Example:
      seglam pack pull registry.acme.example/finance/dates@0.1.0 --out dates.tar
    """
    from seglam.packs.layout import write_tar

    out = Output(as_json)
    places = Places.of(registry, data_dir, config_dir)
    with out.progress("pulling"):
        found = places.find(pack)
    release = found.packed.pack.release
    path = target or Path(f"{release.name.pack}-{release.version}.tar")
    try:
        with told(str(path)):
            write_tar(path, [found.packed])
    except OSError as error:
        raise CliError(f"cannot be written ({error.strerror})", "choose another --out", where=str(path)) from error
    out.say(f"{release}\n  {found.packed.pack.digest}\n  {len(found.packed.bundles)} signed statements")
    out.say(f"  {visible(str(path))}")
    out.json(
        {
            "release": str(release),
            "digest": found.packed.pack.digest,
            "statements": len(found.packed.bundles),
            "from": found.where,
            "file": str(path),
        }
    )
