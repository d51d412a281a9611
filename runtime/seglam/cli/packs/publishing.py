"""`seglam pack publish`: a pack to its registry, which tests, signs and lists it."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seglam.cli.exits import CliError, Exit
from seglam.cli.opening import DataDir
from seglam.cli.output import Json, Output, one_line
from seglam.cli.packs.options import ConfigDir, PackFile, Registry, Token
from seglam.cli.packs.places import Places
from seglam.cli.packs.registry import explained, identity_token, registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seglam.cli.packs.registry import Registry as RegistryApi
    from seglam.packs.layout import Packed

MEDIA_TYPE = "application/x-tar"
LAYOUT_S, POLL_S = 60, 0.5


def publish(
    file: PackFile,
    token: Token = None,
    claim: Annotated[bool, typer.Option("--claim", help="First make the namespace yours, if it is free.")] = False,
    key: Annotated[
        Path | None,
        typer.Option("--key", metavar="FILE", show_default=False,
                     help="First tell the registry that this key is yours, where the namespace publishes by keys."),
    ] = None,
    wait: Annotated[
        int, typer.Option(metavar="SECONDS", min=0, help="How long to wait for the registry's tests and signature.")
    ] = 600,
    registry_url: Registry = None,
    data_dir: DataDir = None,
    config_dir: ConfigDir = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Publish a signed pack: the registry checks who you are and what you signed, runs its tests, signs and lists it.

    Publishing the same file again is answered as before; a version is never given to another content. The token is
    exchanged for one of fifteen minutes for this namespace only, and is not kept.

    \b
    Examples:
      seglam pack publish dates-0.1.0.tar --claim --key acme.pem
      seglam pack publish dates-0.1.0.tar --registry https://registry.acme.example --token-file token
    """
    from seglam.packs.layout import tar_bytes

    out = Output(as_json)
    places = Places.of(registry_url, data_dir, config_dir)
    packed = places.find(f"./{file}" if not file.is_absolute() else str(file)).packed
    release = packed.pack.release
    if not packed.bundles:
        raise CliError("nothing in it is signed", "sign it with `seglam pack sign`", where=str(file))
    body = tar_bytes([packed])
    with registry(places.url(release.name.origin)) as opened:
        identity = identity_token(token, release.name.origin, places.data_dir)
        opened.authorize(identity, release.name.namespace, None if key or claim else ["publish"])
        if claim or key is not None:
            _own(opened, release.name.namespace, key, claim, out)
        with out.progress("publishing") as step:
            done = _published(opened, body, wait, step.advance)
    _conclude(out, opened, packed, done)


def _own(opened: RegistryApi, namespace: str, key: Path | None, claim: bool, out: Output) -> None:
    """Make the namespace the caller's if it is free, and the key one of the namespace's."""
    from seglam.cli.packs.signers import key_signer

    public, address = key_signer(key).public if key else None, f"/api/v1/namespaces/{namespace}"
    reply = opened.find(address)
    if reply is None:
        if not claim:
            raise CliError("the namespace is free", "make it yours with --claim", Exit.NEGATIVE, where=namespace)
        keys = {"keys": [public.pem], "mode": "Key"} if public else {"mode": "Keyless"}
        opened.call("POST", "/api/v1/namespaces", json={"name": namespace, **keys})
        out.note(f"namespace {namespace} is yours")
    elif public and public.id not in {each["keyId"] for each in reply.json()["keys"] if not each.get("removed")}:
        opened.change("POST", address, "keys", {"pem": public.pem, "role": "owner"})
        out.note(f"key {public.id[:12]} is one of namespace {namespace}'s")


def _published(opened: RegistryApi, body: bytes, wait: int, told: Any) -> dict[str, Any]:
    """Upload, then follow the publication until it ends; its last state."""
    headers = {
        "Content-Type": MEDIA_TYPE,
        "Idempotency-Key": hashlib.sha256(body).hexdigest(),
        "Prefer": f"wait={min(wait, LAYOUT_S)}",
    }
    end = time.monotonic() + wait
    reply = opened.call("POST", "/api/v1/publications", content=body, headers=headers)
    state: dict[str, Any] = reply.json()
    seen = ""
    while state.get("state") not in ("published", "failed"):
        if state.get("state") != seen:
            seen = str(state.get("state"))
            told(f"publishing: {seen}")
        if time.monotonic() > end:
            what = f"the registry is not done; the publication is {seen}"
            raise CliError(what, "run the same command again: it goes on", Exit.MISSING, where=opened.url)
        time.sleep(POLL_S)
        state = opened.get(reply.headers["Location"])
    return state


def _conclude(out: Output, opened: RegistryApi, packed: Packed, done: dict[str, Any]) -> None:
    release, digest = packed.pack.release, packed.pack.digest
    if done["state"] == "failed":
        for line in _steps(done):
            out.say(line)
        problem = done.get("problem") or {}
        raise explained(problem, int(problem.get("status") or 422), opened.url)
    out.say(f"published  {release}", style="bold")
    out.say(f"  {digest}\n  at {opened.url}")
    for line in _steps(done):
        out.say(line)
    out.json({"release": str(release), "digest": digest, "registry": opened.url, "publication": done})


def _steps(done: dict[str, Any]) -> Iterator[str]:
    for step in done.get("steps") or ():
        words = one_line(str(step.get("words") or step.get("detail") or ""), 600)
        yield f"  {one_line(str(step.get('name') or step.get('state') or ''), 40):<10} {words}"
