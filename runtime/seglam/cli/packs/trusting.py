"""`seglam pack trust`: the policies and roots of this machine, and keys."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seglam.cli.exits import CliError, Exit
from seglam.cli.files import atomic
from seglam.cli.opening import DataDir
from seglam.cli.output import Json, Output, visible
from seglam.cli.packs.options import ConfigDir
from seglam.cli.packs.places import Places

if TYPE_CHECKING:
    from seglam.packs.trust.signing.key import KeySigner

app = typer.Typer(
    help="What this machine trusts: who may say what of which packs. Nothing is trusted until somebody says so.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("list")
def list_(config_dir: ConfigDir = None, as_json: Json = False) -> None:
    """List the trust policies and trust roots of this machine.

    \b
    Example:
      seglam pack trust list
    """
    out = Output(as_json)
    places = Places.of(None, None, config_dir)
    trust = places.trust()
    for policy in sorted(trust.policies, key=lambda each: each.name):
        spec = policy.spec
        out.say(f"policy {visible(policy.name)}  {spec.mode}, root {visible(spec.trust_root)}", style="bold")
        out.say(f"  packs {visible(', '.join(spec.packs))}, for {visible(', '.join(spec.namespaces))}")
        for each in spec.require:
            signers = [f"{one.subject} of {one.issuer}" for one in each.identities or ()] + list(each.keys or ())
            out.say(visible(f"  needs {each.threshold} {each.predicate} by {' or '.join(signers)}"))
        out.say(f"  index {spec.index}, approval {spec.approval}")
    for root in trust.roots.values():
        held = [f"{len(root.keys)} keys"] if root.keys else []
        held += ["keyless"] if root.keyless else []
        held += [f"index at {root.spec.tuf.url}"] if root.spec.tuf else []
        out.say(f"root {visible(root.name)}  {visible(', '.join(held))}", style="bold")
        for source in root.spec.sources or ():
            out.say(visible(f"  {source.origin} from {source.url}"))
    if not trust.files:
        out.say(f"nothing is trusted yet; put files into {places.config_dir / 'trust'} or use `seglam pack trust add`")
    out.json(
        {
            "directory": str(places.config_dir / "trust"),
            "policies": [_as_json(each) for each in trust.policies],
            "roots": [_as_json(each) for each in trust.roots.values()],
        }
    )


@app.command("add")
def add(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="TrustPolicy and TrustRoot documents.", show_default=False)
    ],
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite what has the same name.")] = False,
    config_dir: ConfigDir = None,
    as_json: Json = False,
) -> None:
    """Trust what files say from now on: each document is checked, then copied under its own name.

    The documents are those of a cluster's TrustPolicy and TrustRoot.

    \b
    Example:
      seglam pack trust add examples/packs/trust/root-key.yaml examples/packs/trust/policy-key.yaml
    """
    from seglam.packs.trust.files import FOLDERS, TrustFileInvalid, documents

    out = Output(as_json)
    trust = Places.of(None, None, config_dir).config_dir / "trust"
    for file in files:
        try:
            stated = list(documents(file))
        except TrustFileInvalid as error:
            raise CliError(error.words, "correct the file; see docs/packs.md", where=error.where) from error
        if len(stated) != 1:
            raise CliError(f"it holds {len(stated)} documents", "put each into its own file", where=str(file))
        target = trust / FOLDERS[stated[0].kind] / f"{_file_name(stated[0].name)}.yaml"
        content = file.read_bytes()
        known = target.read_bytes() if target.is_file() else None
        if known not in (None, content) and not replace:
            raise CliError(f"{target} says something else", "compare them, then use --replace", where=str(file))
        _write(target, content)
        done = "kept" if known == content else "added" if known is None else "replaced"
        out.say(f"{done}  {stated[0].kind} {visible(stated[0].name)}  {visible(str(target))}")
        out.json({"kind": stated[0].kind, "name": stated[0].name, "file": str(target), "done": done})


@app.command("local")
def local(
    key: Annotated[
        list[Path] | None,
        typer.Option("--key", metavar="FILE", show_default=False,
                     help="Also vouch for this publisher's key, so that `audit` reads what it signed; repeatable."),
    ] = None,
    data_dir: DataDir = None,
    config_dir: ConfigDir = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Trust the registry that `seglam serve` serves on this machine: its key, its index, and nothing else of it.

    \b
    Example:
      seglam pack trust local --key acme.pem
    """
    import yaml

    from seglam.cli.packs.embedded import trust_documents
    from seglam.cli.packs.signers import key_signer

    out = Output(as_json)
    places = Places.of(None, data_dir, config_dir)
    publishers = [key_signer(each).public for each in key or ()]
    made = trust_documents(places.data_dir, places.url("localhost"), publishers)
    for folder, document in made.items():
        target = places.config_dir / "trust" / folder / "local.yaml"
        _write(target, yaml.safe_dump(document, sort_keys=False, width=120).encode())
        out.say(f"added  {document['kind']} local  {visible(str(target))}")
        out.json({"kind": document["kind"], "name": "local", "file": str(target), "done": "added"})


@app.command("new-key")
def new_key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; never overwritten.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Make a key (P-256) to sign packs with, readable by you alone, and print what a trust root lists of it.

    \b
    Example:
      seglam pack trust new-key acme.pem
    """
    from seglam.packs.trust.signing.key import KeySigner

    out = Output(as_json)
    signer = KeySigner.generate()
    save_key(file, signer)
    _print_key(out, signer, file)


@app.command("show-key")
def show_key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A private key in PEM.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Print the id and the public half of a key, as a trust root lists them.

    \b
    Example:
      seglam pack trust show-key acme.pem
    """
    from seglam.cli.packs.signers import key_signer

    _print_key(Output(as_json), key_signer(file), file)


def save_key(file: Path, signer: KeySigner) -> None:
    """Write a private key that its owner alone can read, whole or not at all; `CliError` if something is there."""
    fresh = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(signer.private_pem)
                stream.flush()
                os.fsync(stream.fileno())
            os.link(fresh, file)
        finally:
            fresh.unlink()
    except FileExistsError:
        raise CliError("something is there already", "name another file", where=str(file)) from None
    except OSError as error:
        raise CliError(f"cannot be written ({error.strerror})", "name another file", where=str(file)) from error


def _print_key(out: Output, signer: KeySigner, file: Path) -> None:
    key = signer.public
    out.say(f"{visible(str(file))}\nid   {key.id}\n{key.pem.rstrip()}")
    out.json({"file": str(file), "id": key.id, "pem": key.pem})


def _write(target: Path, content: bytes) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with atomic(target) as stream:
            stream.write(content)
    except OSError as error:
        raise CliError(
            f"cannot be written ({error.strerror})", "choose another --config-dir", where=str(target)
        ) from error


def _file_name(name: str) -> str:
    if not all(c.isascii() and (c.isalnum() or c in "-.") for c in name) or name.startswith("."):
        raise CliError("its name is no name of a file", "use a-z, 0-9, - and .", Exit.DATA, where=name)
    return name


def _as_json(each: Any) -> dict[str, Any]:
    return {"name": each.name, "spec": each.spec.model_dump(mode="json", by_alias=True, exclude_none=True)}
