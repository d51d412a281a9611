"""`seglam procedures`: list, show, validate, test, export, promote, hygiene, merge, and more of `life`, `reframing`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seglam.cli import client, documents, life, reframing
from seglam.cli.desk import find
from seglam.cli.exits import CliError, Exit
from seglam.cli.files import atomic
from seglam.cli.opening import DataDir, Procedures, Server, Tenant, bench, store
from seglam.cli.output import Json, Output, one_line, visible
from seglam.cli.review import short
from seglam.cli.tables import rows, table

if TYPE_CHECKING:
    from seglam.procedures import Revision

app = typer.Typer(
    help="Look at procedures, or check documents.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("validate")
def validate_(paths: documents.Paths, as_json: Json = False) -> None:
    """Check documents without running anything; faults are shown as file:line:column.

    \b
    Example:
      seglam procedures validate examples/procedures
    """
    from seglam.procedures import validate

    out = Output(as_json)
    loaded, problems = documents.read(paths)
    problems += [problem for each in loaded for problem in validate(each)] + documents.same_names(loaded)
    errors = sum(problem.severity == "error" for problem in problems)
    documents.show(out, problems)
    out.say(f"{len(loaded)} documents read, {errors} errors, {len(problems) - errors} warnings")
    out.json({"documents": len(loaded), "errors": errors, "problems": documents.as_json(problems)})
    raise typer.Exit(Exit.NEGATIVE if errors else Exit.OK)


@app.command("test")
def test_(paths: documents.Paths, as_json: Json = False) -> None:
    """Run the gates that need no model: static, examples on two engines, match.

    Documents are validated, their code is inspected, examples bind and run, refusals and near misses do not bind, and
    no two documents match one request.

    \b
    Example:
      seglam procedures test examples/procedures/capital-of-country.yaml
    """
    from seglam.cli.proving import prove

    out = Output(as_json)
    loaded, problems = documents.read(paths)
    problems += documents.same_names(loaded)
    results = []
    with bench() as running, out.progress("testing", len(loaded)) as step:
        for proof in prove(loaded, running):
            problems += proof.problems
            results.append(proof)
            step.advance(proof.loaded.document.metadata.name)
    errors = sum(problem.severity == "error" for problem in problems)
    documents.show(out, problems)
    examples, refusals = sum(proof.examples for proof in results), sum(proof.refusals for proof in results)
    out.say(f"{len(loaded)} documents with {examples} examples and {refusals} refusals tested, {errors} errors")
    out.json(
        {
            "documents": len(loaded),
            "examples": examples,
            "refusals": refusals,
            "errors": errors,
            "passed": [proof.loaded.document.metadata.name for proof in results if proof.passed],
            "problems": documents.as_json(problems),
        }
    )
    raise typer.Exit(Exit.NEGATIVE if errors else Exit.OK)


@app.command("list")
def list_(data_dir: DataDir = None, as_json: Json = False) -> None:
    """List the procedures that a store serves.

    \b
    Example:
      seglam procedures list
    """
    from seglam.gateway.store import document_of

    out = Output(as_json)
    with store(data_dir) as opened:
        active = sorted(opened.active(), key=lambda row: row.name)
    shown = table("procedure", "digest", "arguments", "summary", left=4)
    for row in active:
        spec = document_of(row).spec
        arguments = ", ".join(f"{parameter.name}: {parameter.type}" for parameter in spec.parameters or ())
        out.json({"procedure": row.name, "digest": row.digest, "arguments": arguments, "summary": spec.summary})
        rows(shown, [(row.name, short(row.digest), arguments, one_line(spec.summary, 60))])
    out.say(shown if active else "the store serves no procedure")


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="A procedure's name, or a revision's digest.", show_default=False)],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Print a procedure as YAML, as `procedures export` writes it.

    \b
    Example:
      seglam procedures show capital-of-country
    """
    from seglam.gateway.store import document_of
    from seglam.procedures import dump

    out = Output(as_json)
    with store(data_dir) as opened:
        row = find(opened, name)
    document = document_of(row)
    content = document.model_dump(mode="json", by_alias=True, exclude_none=True)
    out.say(visible(dump(document)).rstrip("\n"))
    out.json({"digest": row.digest, "state": str(row.state), "document": content})


@app.command("export")
def export(
    directory: Annotated[Path, typer.Option("--dir", help="Where to; made if missing.")] = Path(),
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Write each active revision to NAME.yaml. A file is whole or as it was before.

    \b
    Example:
      seglam procedures export --dir procedures/
    """
    from seglam.gateway.store import document_of
    from seglam.procedures import dump

    out = Output(as_json)
    with store(data_dir) as opened:
        active = sorted(opened.active(), key=lambda row: row.name)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for row in active:
            path = directory / f"{row.name}.yaml"
            with atomic(path) as file:
                file.write(dump(document_of(row)).encode())
            out.say(str(path))
            out.json({"procedure": row.name, "digest": row.digest, "file": str(path)})
    except OSError as error:
        raise CliError(f"cannot be written ({error.strerror})", "choose another --dir", where=str(directory)) from error
    if not active:
        out.note("the store serves no procedure; nothing written")


@app.command("promote")
def promote(
    name: Annotated[str, typer.Argument(help="The procedure that is served.", show_default=False)],
    to: Annotated[
        str, typer.Option("--to", metavar="TENANT", help="The tenant it is proposed to.", show_default=False)
    ],
    promoter: Annotated[
        str | None,
        typer.Option("--as", metavar="NAME", help="Who promotes it; a server knows that by your key.",
                     show_default=False),
    ] = None,
    tenant: Tenant = None,
    server: Server = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Propose a procedure of one tenant to another one, where a reviewer approves it or not.

    Its origin and its authors stay; whoever promotes it becomes one of them, and so cannot approve it there.

    \b
    Example:
      seglam procedures promote capital-of-country --to team-b --as eve
    """
    from urllib.parse import quote

    out = Output(as_json)
    if server is not None:
        found = client.post(server, f"/v1/procedures/{quote(name, safe='')}/promote", {"to": to})
    else:
        if promoter is None:
            raise CliError("nobody is named who promotes it", "name yourself with --as", Exit.USAGE)
        found = _promoted(data_dir, name, tenant, to, promoter)
    out.json(found)
    out.say(f"{found['name']} ({short(found['digest'])}) is proposed to {found['to']}; a reviewer there decides")


def _promoted(data_dir: Path | None, name: str, tenant: str | None, to: str, promoter: str) -> dict[str, str]:
    from seglam.gateway.store import State

    with store(data_dir) as opened:
        source = opened.of(tenant or opened.tenant)
        if source.tenant == to:
            raise CliError(f"{name} is already a procedure of {to}", "name another tenant with --to", Exit.USAGE)
        served = next((row for row in source.revisions(State.ACTIVE, name)), None)
        row = None if served is None else source.promote(served.digest, to, promoter)
    if row is None:
        raise CliError(f"{source.tenant} serves no procedure {name!r}", "see `seglam procedures list`", Exit.DATA)
    return {"name": row.name, "digest": row.digest, "to": to}


@app.command("hygiene")
def hygiene(
    procedures: Procedures = None, tenant: Tenant = None, data_dir: DataDir = None, as_json: Json = False
) -> None:
    """Find procedures that compute the same, and those that nobody asks; propose merges and retirements.

    Near duplicates give equal answers on generated inputs. A procedure is unused if it has fewer than 0.5 * log10(n) of
    the library's n hits; hits are the store's. Nothing is changed.

    \b
    Examples:
      seglam procedures hygiene
      seglam procedures hygiene --procedures examples/procedures --json
    """
    from seglam.compiler.hygiene import duplicates, least_hits, uses

    out = Output(as_json)
    revisions = _library(procedures, tenant, data_dir)
    hits: dict[str, int] = {}
    if procedures is None:
        with store(data_dir) as opened:
            for (_, procedure, name), count in opened.of(tenant or opened.tenant).counters.totals().items():
                if name == "hits":
                    hits[procedure] = hits.get(procedure, 0) + count
    with bench() as running:
        found = list(duplicates(revisions, running.first))
    used = uses([revision.name for revision in revisions], hits) if procedures is None else []
    for each in found:
        out.say(each.proposal)
    total = sum(use.hits for use in used)
    shown = table("procedure", "hits", "share", "proposal", left=1)
    for use in used:
        rows(shown, [(use.procedure, use.hits, f"{use.share:.1%}", "retire: unused" if use.retire else "")])
    if used:
        out.say(shown)
        out.say(f"{total} hits; a procedure with fewer than {least_hits(total):.2f} is unused")
    out.say(f"{len(revisions)} procedures, {len(found)} near duplicates, {sum(u.retire for u in used)} unused")
    out.json(
        {
            "procedures": len(revisions),
            "duplicates": [
                {
                    "keep": each.keep,
                    "merge": each.merge,
                    "covers": each.covers,
                    "arguments": dict(each.arguments),
                    "shared": each.shared,
                    "proposal": each.proposal,
                }
                for each in found
            ],
            "hits": total,
            "leastHits": round(least_hits(total), 4),
            "uses": [
                {"procedure": u.procedure, "hits": u.hits, "share": round(u.share, 6), "retire": u.retire} for u in used
            ],
        }
    )


@app.command("merge")
def merge(
    keep: Annotated[str, typer.Argument(help="The procedure whose code stays.", show_default=False)],
    other: Annotated[str, typer.Argument(help="The one that it takes the place of.", show_default=False)],
    out_dir: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where KEEP.yaml is written.")] = Path(),
    procedures: Procedures = None,
    tenant: Tenant = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Write one document for two procedures that compute the same: the code of KEEP with the patterns of both.

    They are compared as `hygiene` compares them, and the gates that need no model run on what is made. It is written
    even if a gate fails, for a person to correct. Nothing is changed: propose the file, and retire OTHER.

    \b
    Example:
      seglam procedures merge day-of-nth-weekday-in-month nth-weekday-of-month --procedures examples/procedures
    """
    from seglam.compiler.hygiene import duplicates
    from seglam.compiler.merging import merged
    from seglam.compiler.verification import verify
    from seglam.procedures import dump

    out = Output(as_json)
    if not out_dir.is_dir():
        raise CliError(f"{out_dir} is no directory", "make it, or name another one", Exit.DATA, where="--out")
    revisions = {each.name: each for each in _library(procedures, tenant, data_dir)}
    for name in (keep, other):
        if name not in revisions:
            raise CliError(f"there is no procedure {name!r}", "see `seglam procedures list`", Exit.DATA)
    with bench() as running:
        left, right = revisions.pop(keep), revisions.pop(other)
        pair = next(duplicates([left, right], running.first), None)
        if pair is None or not pair.covers or pair.keep != keep:
            why = pair.proposal if pair else f"{keep} and {other} do not compute the same"
            raise CliError(f"the code of {keep} does not cover {other}", why, Exit.NEGATIVE)
        made = merged(left, right, pair, running)
        verified = verify(made.document, revisions.values(), running)
    path = out_dir / f"{keep}.yaml"
    with atomic(path) as file:
        file.write(dump(made.document).encode())
    for evidence in verified.evidence:
        out.say(f"{evidence.gate}: {'passed' if evidence.passed else 'FAILED'}: {evidence.summary}")
    for text in made.refused_no_more:
        out.say(f"refused no more: {text}")
    out.say(f"{path}: {keep} with the patterns of {other}")
    out.json({"file": str(path), "passed": verified.passed, "refusedNoMore": list(made.refused_no_more)})
    raise typer.Exit(Exit.OK if verified.passed else Exit.NEGATIVE)


def _library(procedures: Path | None, tenant: str | None, data_dir: Path | None) -> list[Revision]:
    """The procedures of a directory, or those that a store serves."""
    from seglam.gateway.store import document_of
    from seglam.procedures import Revision

    if procedures is not None:
        return [Revision.of(each.document) for each in documents.faultless(procedures)]
    with store(data_dir) as opened:
        return [Revision.of(document_of(row)) for row in opened.of(tenant or opened.tenant).active()]


app.command("quarantine")(life.quarantine)
app.command("restore")(life.restore)
app.command("rollback")(life.rollback)
app.command("health")(life.health)
app.command("counterexamples")(life.counterexamples)
app.command("reframe")(reframing.reframe)
