"""`seglam pack import`: a pack becomes procedures of this machine, if the gate and its tests allow it."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seglam.cli.exits import CliError, Exit
from seglam.cli.opening import DataDir, bench, store
from seglam.cli.output import Json, Output, one_line, visible
from seglam.cli.packs.faults import told
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
from seglam.cli.packs.signers import key_signer, signer_of
from seglam.cli.packs.verifying import decided, say

if TYPE_CHECKING:
    from seglam.cli.packs.places import Found
    from seglam.gateway.packs.deciding import Looked
    from seglam.gateway.packs.importing import Imported
    from seglam.packs.trust.decision import Decision
    from seglam.packs.trust.files import Trust
    from seglam.packs.trust.signing.protocol import Signer

KEY = "keys/importer.pem"
"""The key of the data directory with which imports are signed unless another signer is named."""


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
    file may hold several packs, as `seglam pack export` writes it. Stop `seglam serve` first: it holds the store.

    \b
    Examples:
      seglam pack import registry.acme.example/finance/dates@0.1.0
      seglam pack import dates-export.tar --offline --as ada
    """
    from seglam.cli.packs.carrying import taken_from

    out = Output(as_json)
    places = Places.of(registry, data_dir, config_dir)
    trust = places.trust()
    signer, author = _signer(places, key, token, login, root), importer or getpass.getuser()
    refused = 0
    for found, index in taken_from(places, trust, pack, DEFAULT_TENANT, offline=offline, waive=waive):
        refused += not _one(out, places, trust, found, index, signer, author, waive)
    raise typer.Exit(Exit.NEGATIVE if refused else Exit.OK)


def _one(
    out: Output,
    places: Places,
    trust: Trust,
    found: Found,
    index: Looked,
    signer: Signer,
    importer: str,
    waive: str | None,
) -> bool:
    """Import one pack; whether it was taken."""
    from seglam.gateway.packs.importing import ImportRefused, take
    from seglam.gateway.store import ReviewRefused
    from seglam.packs.trust.policy import matching
    from seglam.packs.trust.signing.protocol import SigningFailed

    decision = decided(found, trust, DEFAULT_TENANT, index)
    release = found.packed.pack.release
    say(out, found, decision, index)
    if not decision.allowed:
        out.json(_refusal(found, decision, decision.code, decision.words))
        return False
    policies = matching(trust.policies, DEFAULT_TENANT, str(release.name))
    try:
        progress = out.progress("importing", 3)
        with store(places.data_dir) as opened, bench() as running, told(str(release)), progress as step:
            done = take(
                    found.packed, decision, opened, places.library, running, signer,
                    importer=importer, policies=policies, waiver=waive, told=step.advance,
                )  # fmt: skip
    except (ImportRefused, ReviewRefused) as refused:
        words = str(refused)
        out.say(f"refused: {refused.code}: {one_line(words, 1000)}", style="bold red")
        out.json(_refusal(found, decision, refused.code, words))
        return False
    except SigningFailed as error:
        remedy = "run it again: what is done already is kept" if error.retriable else "correct it and import again"
        what = f"{error.words.rstrip('.')} ({error.code})"
        raise CliError(what, remedy, Exit.MISSING if error.retriable else Exit.DATA, where=str(release)) from error
    _done(out, found, done, signer)
    return True


def _done(out: Output, found: Found, done: Imported, signer: Signer) -> None:
    revisions = done.admitted.revisions
    out.say(f"{'imported' if done.admitted.new else 'was imported before'}  {found.packed.pack.release}", style="bold")
    if done.tests:
        out.say(f"  {done.tests} gates passed on {len(done.engines)} engines; summary {done.summary[:19]} "
                f"signed by {visible(signer.identity)}")  # fmt: skip
    for row in revisions:
        out.say(f"  {row.state!s:<9} {visible(row.name)} {row.digest[:19]}")
    if any(row.state == "Proposed" for row in revisions):
        out.say("  somebody else approves them: seglam review list, seglam review approve")
    out.json(
        {
            "release": str(found.packed.pack.release),
            "digest": found.packed.pack.digest,
            "imported": True,
            "new": done.admitted.new,
            "approval": done.decision.approval,
            "gates": done.tests,
            "engines": list(done.engines),
            "summary": done.summary,
            "signer": signer.identity,
            "procedures": [{"name": row.name, "digest": row.digest, "state": str(row.state)} for row in revisions],
            "decision": done.decision.document(),
        }
    )


def _refusal(found: Found, decision: Decision, code: str, words: str) -> dict[str, Any]:
    pack = found.packed.pack
    return {
        "release": str(pack.release),
        "digest": pack.digest,
        "imported": False,
        "code": code,
        "words": words,
        "decision": decision.document(),
    }


def _signer(places: Places, key: Path | None, token: Path | None, login: bool, root: str | None) -> Signer:
    """Who signs the summary: as stated, else the data directory's own key, made at the first import."""
    if key is not None or token is not None or login:
        return signer_of(key, token, login, root, places.trust)
    own = places.data_dir / KEY
    if not own.is_file():
        from seglam.cli.packs.trusting import save_key
        from seglam.packs.trust.signing.key import KeySigner

        save_key(own, KeySigner.generate())
    return key_signer(own)
