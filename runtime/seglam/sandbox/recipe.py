"""The recipe of the engine: what it is made from, its digest, and where its builds lie."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
GUEST = HERE / "guest"
REMEDY = "run `make engine`"


class EngineError(RuntimeError):
    """The engine cannot be used. The message says what is wrong and what to do."""


class EngineMissing(EngineError):
    """No engine was built for this recipe."""


class EngineInvalid(EngineError):
    """An engine is there, but it is not what its manifest says, or not for this machine."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an engine is made from. `digest` covers every input, so equal digests mean equal source."""

    componentize_py: str
    world: str
    app: str
    builds: tuple[str, ...]
    digest: str


@cache
def recipe() -> Recipe:
    """The recipe of this version of SEGLAM."""
    text = (HERE / "recipe.toml").read_bytes()
    read = tomllib.loads(text.decode())
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in guest_files()}
    canonical = json.dumps({"recipe": read, "files": files}, sort_keys=True).encode()
    return Recipe(
        componentize_py=read["componentize-py"],
        world=read["world"],
        app=read["app"],
        builds=tuple(read["builds"]),
        digest="sha256:" + hashlib.sha256(canonical).hexdigest(),
    )


def guest_files() -> list[Path]:
    """The files that go into a component, in order of their names."""
    return sorted(path for path in GUEST.iterdir() if path.suffix in (".py", ".wit"))


def default_directory() -> Path:
    """SEGLAM_ENGINE_DIR, or a directory named after the recipe in the user's cache."""
    if chosen := os.environ.get("SEGLAM_ENGINE_DIR"):
        return Path(chosen).expanduser()
    cache_home = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return cache_home / "seglam" / "engines" / recipe().digest.removeprefix("sha256:")[:16]


def check_private(path: Path) -> None:
    """Refuse, with `EngineInvalid`, a path whose content somebody else could replace: machine code is loaded from
    it."""
    for each in (path, *path.absolute().parents):
        found = each.stat()
        own = found.st_uid in (os.geteuid(), 0)
        open_to = found.st_mode & (stat.S_IWOTH | (stat.S_IWGRP if each == path else 0))
        sticky = each != path and found.st_mode & stat.S_ISVTX
        if not own or (open_to and not sticky):
            raise EngineInvalid(
                f"{each} can be changed by others (owner {found.st_uid}, mode {stat.filemode(found.st_mode)}), so "
                "no engine is loaded from below it; take that away or set SEGLAM_ENGINE_DIR to a private directory"
            )
