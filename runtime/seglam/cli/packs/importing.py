"""`seglam pack import`: a pack becomes procedures of this machine, if the gate and its tests allow it."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seglam.cli.exits import CliError, Exit
from seglam.cli.opening import DataDir
from seglam.cli.output import Json, Output, one_line, visible
from seglam.cli.packs.options import (
    DEFAULT_TENANT,
    ConfigDir,
    KeyFile,
    Login,
    Offline,
    Pack,
    Registry,
    SigningRoot,
    SigningToken,
    Waiver,
)
from seglam.cli.packs.places import Places
from seglam.cli.packs.requiring import with_required
from seglam.cli.packs.signers import key_signer, signer_of
from seglam.cli.packs.taking import Here, Taker, Way, service_of
from seglam.cli.packs.verifying import decided, say

if TYPE_CHECKING:
    from collections.abc import Collection

    from seglam.cli.packs.places import Found
    from seglam.gateway.packs.deciding import Looked
    from seglam.packs.names import PackName
    from seglam.packs.trust.files import Trust
    from seglam.packs.trust.signing.protocol import Signer


def import_(
    pack: Pack,
    importer: Annotated[
        str | None,
        typer.Option("--as", metavar="NAME", show_default=False,
                     help="Who imports, and so may not approve (default: your user name)."),
    ] = None,
    offline: Offline = False,
    waive: Waiver = None,
    key: KeyFile = None,
    token: SigningToken = None,
    login: Login = False,
    root: SigningRoot = None,
    registry: Registry = None,
    data_dir: DataDir = None,
    config_dir: ConfigDir = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Verify a pack, run its tests, sign what was decided, and take its procedures into the embedded store.

    They are proposed, with you as their author, or active at once where the policy's approval is Pack. An older release
    than was imported before is refused. Importing the same again changes nothing, and what was interrupted goes on. A
    file may hold several packs, as `seglam pack export` writes it. What a pack requires is imported before it, by the
    same gate. While `seglam serve` runs on the data directory, it does the import itself and signs with its own key.

    \b
    Examples:
      seglam pack import registry.acme.example/finance/dates@0.1.0
      seglam pack import dates-export.tar --offline --as ada
    """
    from seglam.cli.packs.carrying import taken_from
    from seglam.packs.index.requirements import RequirementRefused

    out = Output(as_json)
    places = Places.of(registry, data_dir, config_dir)
    trust = places.trust()
    way = Way(importer or getpass.getuser(), waive, offline)
    taker: Taker | None = service_of(places, way)
    if taker is None:
        taker = Here(places, trust, _signer(places, key, token, login, root), way)
    elif key is not None or token is not None or login:
        what = "a service runs on this data directory, and signs imports with its own key"
        raise CliError(what, "stop it, or leave out who signs", Exit.USAGE, where=str(places.data_dir))
    taken = taken_from(places, trust, pack, DEFAULT_TENANT, offline=offline, waive=waive)
    try:
        packs = with_required(taken, places, trust, DEFAULT_TENANT, offline=offline, met=taker.version)
    except RequirementRefused as error:
        remedy = "import what it requires first, or choose another version"
        raise CliError(f"{error.words} ({error.code})", remedy, Exit.NEGATIVE, where=pack) from error
    refused: set[PackName] = set()
    for found, index in packs:
        if not _one(out, taker, trust, found, index, refused):
            refused.add(found.packed.pack.release.name)
    raise typer.Exit(Exit.NEGATIVE if refused else Exit.OK)


def _one(out: Output, taker: Taker, trust: Trust, found: Found, index: Looked, refused: Collection[PackName]) -> bool:
    """Import one pack; whether it was taken."""
    from seglam.gateway.packs.importing import refusal
    from seglam.packs.index.requirements import required

    pack = found.packed.pack
    decision = decided(found, trust, DEFAULT_TENANT, index)
    say(out, found, decision, index)
    if not decision.allowed:
        out.json(refusal(pack, decision, decision.code, decision.words))
        return False
    if lacking := [str(name) for name, _ in required(found.packed) if name in refused]:
        words = f"it requires {', '.join(lacking)}, which was refused"
        done = refusal(pack, decision, "requirement", words)
    else:
        done = taker.take(found, decision, out)
    _show(out, done)
    out.json(done)
    return bool(done["imported"])


def _show(out: Output, done: dict[str, Any]) -> None:
    """What an import came to, for a person."""
    if not done["imported"]:
        out.say(f"refused: {done['code']}: {one_line(done['words'], 1000)}", style="bold red")
        return
    out.say(f"{'imported' if done['new'] else 'was imported before'}  {done['release']}", style="bold")
    if done["gates"]:
        out.say(f"  {done['gates']} gates passed on {len(done['engines'])} engines; summary {done['summary'][:19]} "
                f"signed by {visible(done['signer'])}")  # fmt: skip
    for each in done["procedures"]:
        out.say(f"  {each['state']!s:<9} {visible(each['name'])} {each['digest'][:19]}")
    if any(each["state"] == "Proposed" for each in done["procedures"]):
        out.say("  somebody else approves them: seglam review list, seglam review approve")


def _signer(places: Places, key: Path | None, token: Path | None, login: bool, root: str | None) -> Signer:
    """Who signs the summary: as stated, else the data directory's own key, made at the first import."""
    if key is not None or token is not None or login:
        return signer_of(key, token, login, root, places.trust)
    return own_signer(places.data_dir)


def own_signer(data_dir: Path) -> Signer:
    """The key of a data directory that imports are signed with unless another signer is named."""
    from seglam.gateway.packs.trusted import KEY

    own = data_dir / KEY
    if not own.is_file():
        from seglam.cli.packs.trusting import save_key
        from seglam.packs.trust.signing.key import KeySigner

        save_key(own, KeySigner.generate())
    return key_signer(own)
