"""The checker of accessibility in the pages: axe-core, which npm brings by the digest in package-lock.json."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent


class Missing(Exception):
    """The checker is not here; the message says why."""


def script() -> Path:
    """The script to run in a page; brought into the user's cache the first time. `Missing` if that cannot be done."""
    digest = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seglam" / f"axe-{digest}"
    found = cache / "node_modules" / "axe-core" / "axe.min.js"
    if found.exists():
        return found
    if shutil.which("npm") is None:
        raise Missing("npm is needed to bring axe-core")
    making = cache.with_name(f"{cache.name}.{os.getpid()}")
    making.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, making)
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=making,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        shutil.rmtree(making)
        raise Missing(f"npm could not bring axe-core: {done.stderr.strip()[-300:]}")
    try:
        making.rename(cache)
    except OSError:  # another process was quicker
        shutil.rmtree(making)
    return found
