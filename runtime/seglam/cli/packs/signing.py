"""`seglam pack sign`: a statement about a pack, signed and put into its file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from seglam.cli.exits import CliError, Exit
from seglam.cli.output import Json, Output, visible
from seglam.cli.packs.faults import told
from seglam.cli.packs.making import provenance_of
from seglam.cli.packs.options import ConfigDir, KeyFile, Login, PackFile, SigningRoot, SigningToken
from seglam.cli.packs.places import Places
from seglam.cli.packs.signers import signer_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seglam.packs.layout import Packed
    from seglam.packs.pack import Pack
    from seglam.packs.trust.signing.protocol import Signer
    from seglam.packs.trust.statements import Statement


def sign(
    file: PackFile,
    review: Annotated[
        str | None,
        typer.Option("--review", metavar="approve|reject", show_default=False,
                     help="Sign your review of the pack's procedures instead of where they come from."),
    ] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", help="With --review: why.", show_default=False)
    ] = None,
    reviewer: Annotated[
        str | None,
        typer.Option("--as", metavar="NAME", help="With --review: your name (default: who signs).", show_default=False),
    ] = None,
    expires: Annotated[
        int | None,
        typer.Option("--expires", metavar="DAYS", min=1, max=3650, show_default=False,
                     help="With --review: days after which it no longer counts."),
    ] = None,
    provenance: Annotated[
        Path | None,
        typer.Option("--provenance", metavar="FILE", show_default=False,
                     help="The unsigned provenance statement (default: beside FILE, as `build` wrote it)."),
    ] = None,
    key: KeyFile = None,
    token: SigningToken = None,
    login: Login = False,
    root: SigningRoot = None,
    config_dir: ConfigDir = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Sign where a pack's procedures come from, or your review of them, and keep the signature in the pack's file.

    Keyless, the signature is bound to an identity (a person, a service account) and logged; with a key, to the key. The
    pack's digest stays as it is. Signing the same again with the same key changes nothing.

    \b
    Examples:
      seglam pack sign dates-0.1.0.tar --key acme.pem
      seglam pack sign dates-0.1.0.tar --identity-token-file /var/run/secrets/sigstore/token --trust-root acme
      seglam pack sign dates-0.1.0.tar --review approve --reason "read; examples checked by hand" --key bob.pem
    """
    from seglam.packs.layout import add_bundles
    from seglam.packs.trust.bundles import bundle_digest
    from seglam.packs.trust.signing.protocol import SigningFailed

    out = Output(as_json)
    places = Places.of(None, None, config_dir)
    packed = places.find(f"./{file}" if not file.is_absolute() else str(file)).packed
    signer = signer_of(key, token, login, root, places.trust)
    try:
        if review is None:
            if reason or reviewer or expires:
                raise CliError("--reason, --as and --expires are for reviews", "add --review", Exit.USAGE)
            statement = _provenance(packed.pack, provenance or provenance_of(file))
        else:
            statement = _review(packed, review, reason, reviewer or signer.identity, expires, provenance_of(file))
        done, bundle = "kept", _signed(packed.bundles, statement, signer)
        if bundle is None:
            with out.progress("signing"):
                bundle = signer.sign(statement.to_bytes())
            with told(str(file)):
                add_bundles(file, packed.pack.digest, [bundle])
            done = "signed"
    except SigningFailed as error:
        remedy = "try again" if error.retriable else "correct it and sign again"
        code = Exit.MISSING if error.retriable else Exit.DATA
        raise CliError(f"{error.words.rstrip('.')} ({error.code})", remedy, code, where=str(file)) from error
    except OSError as error:
        raise CliError(f"cannot be written ({error.strerror})", "correct its permissions", where=str(file)) from error
    kind = statement.predicate.kind
    out.say(f"{done}  {kind} of {packed.pack.release} by {visible(signer.identity)}")
    out.say(f"  {bundle_digest(bundle)}")
    out.json(
        {
            "release": str(packed.pack.release),
            "digest": packed.pack.digest,
            "predicate": kind,
            "mode": signer.mode,
            "signer": signer.identity,
            "bundle": bundle_digest(bundle),
            "done": done,
        }
    )


def _provenance(pack: Pack, file: Path) -> Statement:
    """The statement that `build` wrote, if it is about this pack."""
    from seglam.packs.trust.predicates import Provenance
    from seglam.packs.trust.statements import Statement, StatementInvalid

    try:
        statement = Statement.read(file.read_bytes())
    except OSError as error:
        what = f"the provenance statement cannot be read ({error.strerror})"
        raise CliError(what, "build the pack again, or name it with --provenance", where=str(file)) from error
    except StatementInvalid as error:
        raise CliError(str(error), "build the pack again", where=str(file)) from error
    if not isinstance(statement.predicate, Provenance):
        raise CliError("it is no provenance statement", "build the pack again", where=str(file))
    if (statement.subject, statement.digest) != (pack.release.purl, pack.digest):
        what = f"it is about {statement.subject} {statement.digest[:19]}, not about this pack"
        raise CliError(visible(what, 300), "build the pack again", where=str(file))
    return statement


def _review(
    packed: Packed, decision: str, reason: str | None, reviewer: str, days: int | None, beside: Path
) -> Statement:
    """A review of all procedures of a pack; nobody reviews what they wrote."""
    from seglam.packs.trust.predicates import Review, ReviewedProcedure
    from seglam.packs.trust.statements import Statement

    if decision not in ("approve", "reject"):
        raise CliError(f"{decision!r} is no decision", "write approve or reject", Exit.USAGE, where="--review")
    if not reason or not reason.strip():
        raise CliError("the reason is empty", "say why with --reason", Exit.USAGE)
    pack, authors = packed.pack, _authors(packed, beside)
    if reviewer.strip().casefold() in {author.strip().casefold() for author in authors}:
        raise CliError(f"{visible(reviewer)} wrote some of it", "ask somebody else to review", Exit.NEGATIVE)
    now = datetime.now(UTC)
    stated: Literal["approve", "reject"] = "approve" if decision == "approve" else "reject"
    predicate = Review(
        procedures=[ReviewedProcedure(name=each.name, digest=each.digest) for each in pack.manifest_model.procedures],
        decision=stated,
        reviewer=reviewer,
        authors=authors,
        reason=reason,
        time=_stamp(now),
        expires=None if days is None else _stamp(now + timedelta(days=days)),
    )
    return Statement(pack.release.purl, pack.digest, predicate)


def _authors(packed: Packed, beside: Path) -> list[str]:
    """The authors whom a provenance statement names, signed in the file or unsigned beside it."""
    from seglam.packs.trust.bundles import opened
    from seglam.packs.trust.decision import Refused
    from seglam.packs.trust.predicates import Provenance
    from seglam.packs.trust.statements import Statement, StatementInvalid

    payloads = [beside.read_bytes()] if beside.is_file() else []
    for bundle in packed.bundles:
        try:
            payloads.append(opened(bundle).payload)
        except Refused:
            continue
    found: set[str] = set()
    for payload in payloads:
        try:
            statement = Statement.read(payload)
        except StatementInvalid:
            continue
        if isinstance(statement.predicate, Provenance) and statement.digest == packed.pack.digest:
            found |= {author for origin in statement.predicate.procedures for author in origin.authors}
    if not found:
        raise CliError("no provenance says who wrote it", "sign the provenance first", where=str(packed.pack.release))
    return sorted(found)[:64]


def _signed(bundles: Sequence[bytes], statement: Statement, signer: Signer) -> bytes | None:
    """The bundle in which this key has said the same; reviews say their own time and are always new."""
    from seglam.packs.trust.bundles import opened
    from seglam.packs.trust.decision import Refused

    for bundle in bundles:
        try:
            envelope = opened(bundle)
        except Refused:
            continue
        by_key = envelope.mode == signer.mode == "Key" and envelope.hint == signer.identity
        if by_key and envelope.payload == statement.to_bytes():
            return bundle
    return None


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
