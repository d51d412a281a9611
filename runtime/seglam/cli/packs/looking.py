"""`seglam pack search` and `show`: what a registry lists, and what is in one pack."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from seglam.cli.opening import DataDir
from seglam.cli.output import Json, Output, one_line, visible
from seglam.cli.packs.options import ConfigDir, Offline, Pack, Registry
from seglam.cli.packs.places import LOCAL_ORIGIN, Places
from seglam.cli.packs.registry import registry
from seglam.cli.review import short
from seglam.cli.tables import rows, table

FACETS = ("namespace", "licence", "language", "valueType", "engine")


def search(
    words: Annotated[list[str] | None, typer.Argument(metavar="[WORDS]", help="What it is about.")] = None,
    namespace: Annotated[str | None, typer.Option(help="Only of this namespace.", show_default=False)] = None,
    licence: Annotated[str | None, typer.Option(help="Only under this licence.", show_default=False)] = None,
    language: Annotated[
        str | None, typer.Option(help="Only with patterns in this language.", show_default=False)
    ] = None,
    value_type: Annotated[
        str | None, typer.Option("--type", help="Only with parameters of this value type.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="Most packs to show.")] = 20,
    origin: Annotated[str, typer.Option(help="Whose registry to ask.")] = LOCAL_ORIGIN,
    registry_url: Registry = None,
    data_dir: DataDir = None,
    config_dir: ConfigDir = None,
    as_json: Json = False,
) -> None:
    """Search the packs of a registry.

    \b
    Examples:
      seglam pack search calendar days
      seglam pack search --registry https://registry.acme.example --licence Apache-2.0 --type date
    """
    out = Output(as_json)
    places = Places.of(registry_url, data_dir, config_dir)
    stated = dict(zip(FACETS, (namespace, licence, language, value_type, None), strict=True))
    asked = {name: value for name, value in stated.items() if value is not None}
    if words:
        asked["q"] = " ".join(words)
    with registry(places.url(origin)) as opened:
        found = opened.get("/api/v1/packs", limit=str(limit), **asked)
    listed: list[dict[str, Any]] = found["items"]
    shown = table("pack", "newest", "licence", "description", left=4)
    for each in listed:
        out.json(each)
        rows(shown, [(each["name"], each["newest"], each["licence"], one_line(each["description"], 70))])
    out.say(shown if listed else "no pack fits")


def show(
    pack: Pack,
    procedure: Annotated[
        str | None,
        typer.Option("--procedure", metavar="NAME", help="Print this procedure as YAML.", show_default=False),
    ] = None,
    readme: Annotated[bool, typer.Option("--readme", help="Print README.md.")] = False,
    offline: Offline = False,
    registry_url: Registry = None,
    data_dir: DataDir = None,
    config_dir: ConfigDir = None,
    as_json: Json = False,
) -> None:
    """Show what is in a pack. Its texts are data: they are printed with what would steer a terminal made visible.

    \b
    Examples:
      seglam pack show dates-0.1.0.tar
      seglam pack show registry.acme.example/finance/dates@0.1.0 --procedure is-leap-year
    """
    from seglam.cli.exits import CliError
    from seglam.packs.manifest import README
    from seglam.procedures import dump

    out = Output(as_json)
    places = Places.of(registry_url, data_dir, config_dir)
    found = places.find(pack, offline=offline)
    held, model = found.packed.pack, found.packed.pack.manifest_model
    if readme:
        text = held.file(README).decode("utf-8", "replace") if README in held.paths() else ""
        out.say(visible(text).rstrip("\n") or "the pack has no README.md")
        out.json({"release": str(held.release), "readme": text})
        return
    documents = {document.metadata.name: document for document in held.procedures()}
    if procedure is not None:
        if procedure not in documents:
            raise CliError("the pack has no such procedure", "see `seglam pack show`", where=procedure)
        out.say(visible(dump(documents[procedure])).rstrip("\n"))
        out.json(documents[procedure].model_dump(mode="json", by_alias=True, exclude_none=True))
        return
    out.say(f"{held.release}", style="bold")
    out.say(f"  {held.digest}\n  {one_line(model.description, 512)}")
    out.say(f"  {visible(model.licence)}, from {visible(found.where)}")
    out.say(f"  {len(found.packed.bundles)} signed statements; ask `seglam pack verify` what they are worth")
    for each in model.requires:
        out.say(visible(f"  requires {each.name} {each.range}"))
    shown = table("procedure", "digest", "parameters", "summary", left=4)
    for one in model.procedures:
        spec = documents[one.name].spec
        parameters = ", ".join(f"{each.name}: {each.type}" for each in spec.parameters or ())
        rows(shown, [(one.name, short(one.digest), parameters, one_line(spec.summary, 60))])
    out.say(shown)
    out.json(
        {
            **model.model_dump(mode="json", by_alias=True),
            "digest": held.digest,
            "from": found.where,
            "statements": len(found.packed.bundles),
            "summaries": {name: document.spec.summary for name, document in documents.items()},
        }
    )
