"""`seglam pack init` and `build`: from a directory of procedures to a pack's file, and where each comes from."""

from __future__ import annotations

import getpass
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seglam.cli.exits import CliError, Exit
from seglam.cli.files import atomic
from seglam.cli.opening import DataDir, bench, store
from seglam.cli.output import Json, Output, visible
from seglam.cli.packs.faults import told
from seglam.cli.packs.options import Out

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from seglam.compiler.results import Evidence
    from seglam.packs.pack import Pack
    from seglam.packs.trust.predicates import ProcedureOrigin

PROVENANCE = ".provenance.json"
SOURCE = """\
# What the pack is. `seglam pack build` reads this and procedures/*.yaml, README.md, LICENSE and docs/ beside it.
name: {name}
version: 0.1.0
description: {description}
licence: {licence}
requires: []
"""
README = """\
# {pack}

Say here what the procedures of this pack answer, for whom, and what they refuse.
"""


def init(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="origin/namespace/pack; the origin is the registry's host name.",
                            show_default=False)
    ],
    directory: Annotated[
        Path | None, typer.Option("--dir", help="Where to (default: the pack's own name, here).", show_default=False)
    ] = None,
    description: Annotated[
        str, typer.Option(help="What the pack is for, in one line.")
    ] = "Procedures that belong together.",
    licence: Annotated[str, typer.Option(help="SPDX identifier of the licence.")] = "Apache-2.0",
    as_json: Json = False,
) -> None:  # fmt: skip
    """Begin a pack: a directory with pack.yaml, procedures/ and README.md. What is there already stays as it is.

    \b
    Example:
      seglam pack init registry.acme.example/finance/dates --description "Working days and deadlines."
    """
    from seglam.packs.names import PackName

    out = Output(as_json)
    with told():
        pack = PackName.parse(name)
    target = directory or Path(pack.pack)
    given = {"name": str(pack), "description": json.dumps(description, ensure_ascii=False), "licence": licence}
    files = {"pack.yaml": SOURCE.format(**given), "README.md": README.format(pack=pack.pack)}
    made, kept = [], []
    try:
        (target / "procedures").mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            path = target / file
            if path.exists():
                kept.append(str(path))
                continue
            with atomic(path) as stream:
                stream.write(text.encode())
            made.append(str(path))
    except OSError as error:
        raise CliError(f"cannot be written ({error.strerror})", "choose another --dir", where=str(target)) from error
    for path_ in made:
        out.say(f"made  {visible(path_)}")
    for path_ in kept:
        out.say(f"kept  {visible(path_)}")
    out.say(
        f"Put procedures into {visible(str(target / 'procedures'))}, then: seglam pack build {visible(str(target))}"
    )
    out.json({"name": str(pack), "directory": str(target), "made": made, "kept": kept})


def build(
    directory: Annotated[
        Path, typer.Argument(metavar="[DIRECTORY]", help="With pack.yaml and procedures/, as `init` makes it.")
    ] = Path(),
    from_store: Annotated[
        bool, typer.Option("--from-store", help="First write what the store serves into procedures/.")
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option("--procedure", metavar="NAME", show_default=False,
                     help="With --from-store: only this procedure; may be repeated."),
    ] = None,
    author: Annotated[
        list[str] | None,
        typer.Option("--author", metavar="NAME", show_default=False,
                     help="Who wrote the procedures of files (default: your user name); may be repeated."),
    ] = None,
    tests: Annotated[bool, typer.Option("--tests/--no-tests", help="Run the gates that need no model first.")] = True,
    target: Out = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Test the procedures of a directory and write them as one file: the same input gives the same bytes.

    Beside PACK-VERSION.tar it writes PACK-VERSION.provenance.json, the unsigned statement of where each procedure comes
    from, for `seglam pack sign`: with --from-store the compilation's model, prompt digests, gates, reviewers and trace,
    requests and examples as hashes only; of files their author and what the gates found now.

    \b
    Examples:
      seglam pack build dates
      seglam pack build dates --from-store --procedure is-leap-year --out dist/dates.tar
    """
    from seglam.packs.layout import Packed, write_tar

    out = Output(as_json)
    origins = _exported(directory, only or (), data_dir, out) if from_store else {}
    if only and not from_store:
        raise CliError("--procedure is for --from-store", "leave it out, or move the other files", Exit.USAGE)
    pack = _built(directory)
    found = _proved(pack, origins, out) if tests else {}
    provenance = _statement(pack, origins, author or [getpass.getuser()], found)
    path = target or Path(f"{pack.release.name.pack}-{pack.release.version}.tar")
    beside = provenance_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with told(str(path)):
            write_tar(path, [Packed(pack, _bundles(path, pack.digest))])
        with atomic(beside) as stream:
            stream.write(provenance)
    except OSError as error:
        raise CliError(f"cannot be written ({error.strerror})", "choose another --out", where=str(path)) from error
    procedures = pack.manifest_model.procedures
    out.say(f"{pack.release}", style="bold")
    out.say(f"  {pack.digest}")
    compiled = sum(origin.origin == "compiled" for origin in origins.values())
    out.say(f"  {len(procedures)} procedures, {compiled} of them compiled, {len(pack.content)} bytes")
    out.say(f"  {visible(str(path))}\n  {visible(str(beside))}")
    out.json(
        {
            "release": str(pack.release),
            "digest": pack.digest,
            "file": str(path),
            "provenance": str(beside),
            "procedures": [{"name": each.name, "digest": each.digest} for each in procedures],
            "compiled": compiled,
            "tested": tests,
        }
    )


def provenance_of(path: Path) -> Path:
    """Where the unsigned provenance statement of a pack's file lies."""
    return path.with_name(path.name.removesuffix(".tar") + PROVENANCE)


def _bundles(path: Path, digest: str) -> tuple[bytes, ...]:
    """The bundles that the file holds already, where it holds the same pack: what was signed stays signed."""
    from seglam.packs.layout import ImageLayout
    from seglam.packs.problems import PackInvalid

    if not path.is_file():
        return ()
    try:
        with ImageLayout.open(path) as layout:
            return layout.bundles(digest) if digest in layout.digests() else ()
    except PackInvalid:
        raise CliError("something else is there", "remove it or choose another --out", where=str(path)) from None


def _built(directory: Path) -> Pack:
    from seglam.packs.build import BuildFailed, build

    try:
        with told(str(directory)):
            return build(directory)
    except BuildFailed as error:
        first, others = error.problems[0], len(error.problems) - 1
        more = f" (and {others} more)" if others > 0 else ""
        place = f"{first.file}:{first.line}:{first.column}" if first.line else first.file
        raise CliError(f"{visible(first.message, 400)}{more}", visible(first.remedy, 200), where=place) from error
    except OSError as error:
        raise CliError(
            f"cannot be read ({error.strerror})", "begin with `seglam pack init`", where=str(directory)
        ) from error


def _exported(directory: Path, only: Sequence[str], data_dir: Path | None, out: Output) -> dict[str, ProcedureOrigin]:
    """Write what the store serves into the directory; where each came from, by digest."""
    from seglam.cli.packs.evidence import kept
    from seglam.gateway.store import document_of
    from seglam.procedures import dump

    folder, origins = directory / "procedures", {}
    with store(data_dir) as opened:
        active = sorted(opened.active(), key=lambda row: row.name)
        if missing := set(only) - {row.name for row in active}:
            what = f"the store does not serve {', '.join(sorted(missing))}"
            raise CliError(visible(what), "see `seglam procedures list`", where="--procedure")
        chosen = [row for row in active if not only or row.name in only]
        if not chosen:
            raise CliError("the store serves no procedure", "approve one, or build without --from-store")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for row in chosen:
                origins[row.digest] = kept(opened, row)
                with atomic(folder / f"{row.name}.yaml") as stream:
                    stream.write(dump(document_of(row)).encode())
        except OSError as error:
            raise CliError(
                f"cannot be written ({error.strerror})", "correct its permissions", where=str(folder)
            ) from error
    if not only:
        left = {path.stem for path in folder.glob("*.yaml")} - {row.name for row in chosen}
        for name in sorted(left):
            out.note(f"{folder / name}.yaml is not what the store serves; it is packed as a file")
    return origins


def _proved(pack: Pack, origins: Mapping[str, ProcedureOrigin], out: Output) -> dict[str, tuple[Evidence, ...]]:
    """Run the gates; what they found by digest. `CliError` if one of them fails."""
    from seglam.cli.packs.testing import tested

    with bench() as running:
        result = tested(pack, running, out)
    if result.failed:
        for line in result.failed[:20]:
            out.note(visible(line, 400))
        what = f"{len(result.failed)} faults: {result.failed[0]}"
        raise CliError(visible(what, 400), "see `seglam procedures test`", Exit.NEGATIVE, where=str(pack.release))
    return result.evidence


def _statement(
    pack: Pack,
    origins: Mapping[str, ProcedureOrigin],
    authors: Sequence[str],
    found: Mapping[str, Sequence[Any]],
) -> bytes:
    """The unsigned provenance statement."""
    from seglam.cli.packs.evidence import BUILDER, written
    from seglam.packs.trust.predicates import Provenance
    from seglam.packs.trust.statements import Statement
    from seglam.procedures import Revision

    stated = []
    for document in pack.procedures():
        digest = Revision.of(document).digest
        stated.append(origins.get(digest) or written(document, authors, found.get(digest, ())))
    return Statement(pack.release.purl, pack.digest, Provenance.of(stated, builder=BUILDER)).to_bytes()
