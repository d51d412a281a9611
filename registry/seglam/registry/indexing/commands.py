"""`python -m seglam.registry keys ...`: the ceremonies of docs/keys.md.

`new`, `draft-root`, `draft-targets`, `sign` and `check` need no registry and no network: they run where the offline
keys are. `install`, `export`, `renew`, `mend` and `status` work on the registry's database, which may be in use
meanwhile.
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from securesystemslib.signer import CryptoSigner, SSlibKey

from seglam.packs.files import write_whole
from seglam.packs.index import ceremony
from seglam.packs.index.errors import IndexFault
from seglam.packs.index.keys import new_key, read_private, read_public
from seglam.registry.database import Database
from seglam.registry.faults import DatabaseError
from seglam.registry.indexing.keeper import Keeper, trust_files
from seglam.registry.indexing.storage import SessionStorage
from seglam.registry.settings import Settings, SettingsInvalid

PASSPHRASE = "SEGLAM_KEY_PASSPHRASE"
DAYS = 365


class _Refused(Exception):
    """What was asked for cannot be done; the message says why."""


def main(arguments: Sequence[str]) -> int:
    """Run a command; the exit code: 0 done, 1 refused, 2 misused."""
    given = _parser().parse_args(arguments)
    try:
        given.run(given)
    except (_Refused, ValueError, OSError, IndexFault, DatabaseError, SettingsInvalid) as error:
        print(f"seglam registry keys: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m seglam.registry keys", description="Keys and signed metadata of the index; see docs/keys.md."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    new = commands.add_parser("new", help="make a key: FILE.pem and FILE.pub")
    new.add_argument("file", type=Path)
    new.add_argument("--unencrypted", action="store_true", help="for online keys, which nobody is there to unlock")
    new.set_defaults(run=_new)

    root = commands.add_parser("draft-root", help="write the next root, unsigned")
    root.add_argument("--from", dest="previous", type=Path, help="the root in force; without it, the first one")
    _draft(root)
    root.add_argument("--add", action="append", default=[], metavar="ROLE=FILE.pub")
    root.add_argument("--remove", action="append", default=[], metavar="ROLE=KEYID")
    root.add_argument("--threshold", action="append", default=[], metavar="ROLE=N")
    root.set_defaults(run=_draft_root)

    targets = commands.add_parser("draft-targets", help="write the next targets, unsigned")
    targets.add_argument("--from", dest="previous", type=Path, help="the targets in force; without it, the first ones")
    _draft(targets)
    targets.add_argument("--origin", required=True, help="the registry's origin, such as registry.acme.example")
    targets.add_argument("--packs-key", action="append", default=[], type=Path, metavar="FILE.pub")
    targets.add_argument("--trust", type=Path, help="a sigstore client trust configuration to carry (JSON)")
    targets.add_argument("--drop-trust", action="store_true", help="carry none any more")
    targets.set_defaults(run=_draft_targets)

    sign = commands.add_parser("sign", help="add a signature to a draft")
    sign.add_argument("file", type=Path)
    sign.add_argument("--key", type=Path, required=True, metavar="FILE.pem")
    sign.add_argument("--root", type=Path, help="the root in force (not for the first root)")
    sign.set_defaults(run=_sign)

    check = commands.add_parser("check", help="show what a draft says and who signed it")
    check.add_argument("file", type=Path)
    check.add_argument("--root", type=Path, help="the root in force (not for the first root)")
    check.set_defaults(run=_check)

    install = commands.add_parser("install", help="let the registry use what was signed")
    install.add_argument("--root", type=Path, action="append", default=[], help="repeated: in order")
    install.add_argument("--targets", type=Path)
    install.add_argument("--trust", type=Path, help="the trust configuration that the targets name")
    install.set_defaults(run=_install)

    export = commands.add_parser("export", help="write root.json and targets.json in force, and the first root")
    export.add_argument("directory", type=Path)
    export.set_defaults(run=_export)

    for name, run, words in (
        ("renew", _renew, "sign anew with the online keys what is due; the registry does so by itself"),
        ("mend", _mend, "compare every pack with the index and list what is missing"),
        ("status", _status, "versions, expiries and keys"),
    ):
        command = commands.add_parser(name, help=words)
        command.set_defaults(run=run)
        if name == "status":
            command.add_argument("--json", action="store_true")
    return parser


def _draft(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--days", type=int, default=DAYS, help=f"until it expires; {DAYS} by default")


# Where the offline keys are


def _new(given: argparse.Namespace) -> None:
    file = given.file if given.file.suffix == ".pem" else given.file.with_name(given.file.name + ".pem")
    public = new_key(file, passphrase=None if given.unencrypted else _passphrase(file, twice=True))
    print(f"{file} (keep it), {file.with_suffix('.pub')}: key {public.keyid}")


def _draft_root(given: argparse.Namespace) -> None:
    add: dict[str, list[SSlibKey]] = {}
    for role, text in map(_pair, given.add):
        add.setdefault(role, []).append(read_public(Path(text)))
    remove: dict[str, list[str]] = {}
    for role, text in map(_pair, given.remove):
        remove.setdefault(role, []).append(text)
    body = ceremony.draft_root(
        given.previous.read_bytes() if given.previous else None,
        expires=_expiry(given.days),
        add=add,
        remove=remove,
        thresholds={role: _whole(text) for role, text in map(_pair, given.threshold)},
    )
    write_whole(given.out, body)
    _show(given.out, body, given.previous)


def _draft_targets(given: argparse.Namespace) -> None:
    files: dict[str, bytes | None] = dict(trust_files(given.trust)) if given.trust else {}
    if given.drop_trust:
        files = {"trusted_root.json": None, "signing_config.v0.2.json": None}
    body = ceremony.draft_targets(
        given.previous.read_bytes() if given.previous else None,
        origin=given.origin,
        expires=_expiry(given.days),
        packs_keys=[read_public(path) for path in given.packs_key],
        files=files,
    )
    write_whole(given.out, body)
    print(f"{given.out}: targets, to be signed")


def _sign(given: argparse.Namespace) -> None:
    root = given.root.read_bytes() if given.root else None
    body = ceremony.sign(given.file.read_bytes(), _signer(given.key), root=root)
    write_whole(given.file, body)
    _show(given.file, body, given.root)


def _check(given: argparse.Namespace) -> None:
    body = given.file.read_bytes()
    signed = ceremony.read(body).signed
    print(json.dumps(signed.to_dict(), indent=1, sort_keys=True))
    _show(given.file, body, given.root)


def _show(file: Path, body: bytes, root: Path | None) -> None:
    signed = ceremony.read(body).signed
    print(f"{file}: {signed.type} {signed.version}, until {signed.expires:%Y-%m-%d}")
    for each in ceremony.signatures(body, root=root.read_bytes() if root else None):
        state = "enough" if each.enough else f"{each.threshold - len(each.signed)} missing"
        print(f"  by {each.by}: {len(each.signed)} of {each.threshold} signatures ({state})")
        for keyid in each.missing:
            print(f"    not signed by {keyid}")


# Where the registry is


def _install(given: argparse.Namespace) -> None:
    with _Open() as (keeper, _):
        keeper.install(
            roots=[path.read_bytes() for path in given.root],
            targets=given.targets.read_bytes() if given.targets else None,
            files=trust_files(given.trust) if given.trust else None,
        )
        listed = keeper.update()
    print(f"installed; {listed} packs listed anew")


def _export(given: argparse.Namespace) -> None:
    with _Open() as (keeper, database), database.read() as session:
        storage = SessionStorage(session, keeper.origin)
        found = {
            "1.root.json": storage.read("root", 1),
            "root.json": storage.latest("root"),
            "targets.json": storage.latest("targets"),
        }
    for name, body in found.items():
        if body is None:
            raise _Refused(f"there is no {name} yet: docs/keys.md says how to make it")
        write_whole(given.directory / name, body)
        print(given.directory / name)


def _renew(given: argparse.Namespace) -> None:
    with _Open() as (keeper, _):
        print("signed anew:", ", ".join(keeper.renew()) or "nothing was due")


def _mend(given: argparse.Namespace) -> None:
    with _Open() as (keeper, _):
        print(f"{keeper.mend()} packs are as the database says")


def _status(given: argparse.Namespace) -> None:
    with _Open() as (keeper, _):
        states, problem = keeper.states(), keeper.ready()
    if given.json:
        roles = [
            {
                "role": state.role,
                "version": state.version,
                "expires": state.expires.isoformat(),
                "threshold": state.threshold,
                "keys": list(state.keyids),
            }
            for state in states
        ]
        print(json.dumps({"roles": roles, "problem": problem.code if problem else None}, indent=1))
        return
    for state in states:
        days = (state.expires - datetime.now(UTC)) / timedelta(days=1)
        keys = " ".join(keyid[:16] for keyid in state.keyids)
        print(f"{state.role:10} {state.version:6}  {days:7.1f} days left  {state.threshold} of {keys}")
    if problem:
        raise _Refused(problem.words)


class _Open:
    """The keeper of the registry that the environment describes, and its database."""

    def __enter__(self) -> tuple[Keeper, Database]:
        settings = Settings.from_environ()
        self._database = Database(settings.database_url)
        return Keeper.of(settings, self._database), self._database

    def __exit__(self, *_: object) -> None:
        self._database.close()


def _signer(path: Path) -> CryptoSigner:
    try:
        return read_private(path)
    except ValueError:
        return read_private(path, passphrase=_passphrase(path))


def _passphrase(file: Path, *, twice: bool = False) -> bytes:
    """From the environment, else from whoever sits there."""
    if given := os.environ.get(PASSPHRASE):
        return given.encode()
    if not sys.stdin.isatty():
        raise _Refused(f"{file} needs a passphrase: set {PASSPHRASE}, or run this in a terminal")
    first = getpass.getpass(f"Passphrase of {file}: ")
    if twice and (first != getpass.getpass("Again: ") or not first):
        raise _Refused("the passphrases differ, or there is none")
    return first.encode()


def _pair(text: str) -> tuple[str, str]:
    role, equals, rest = text.partition("=")
    if not equals or not rest:
        raise _Refused(f"{text!r} is not ROLE=VALUE")
    return role, rest


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise _Refused(f"{text!r} is no number of keys")
    return int(text)


def _expiry(days: int) -> datetime:
    if not 1 <= days <= 3650:
        raise _Refused(f"--days {days}: give 1 to 3650")
    return datetime.now(UTC) + timedelta(days=days)
