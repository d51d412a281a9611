"""`python -m examples.packs.fill DIRECTORY`: the example pack with its procedures, ready for `seglam pack build`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = Path(__file__).resolve().parent / "essay"
PROCEDURES = ("is-leap-year", "multiply-two-numbers", "count-letter-in-text")


def fill(directory: Path, *, name: str | None = None) -> Path:
    """Copy pack.yaml, README.md, the licence and the procedures.

    Args:
        directory: made if missing.
        name: takes the place of the pack's name, whose origin must be the registry's.
    """
    (directory / "procedures").mkdir(parents=True, exist_ok=True)
    for file in ("pack.yaml", "README.md"):
        shutil.copyfile(SOURCE / file, directory / file)
    shutil.copyfile(ROOT / "LICENSE", directory / "LICENSE")
    for procedure in PROCEDURES:
        file = f"{procedure}.yaml"
        shutil.copyfile(ROOT / "examples" / "procedures" / file, directory / "procedures" / file)
    if name is not None:
        stated = (directory / "pack.yaml").read_text(encoding="utf-8")
        changed = [f"name: {name}" if line.startswith("name: ") else line for line in stated.splitlines()]
        (directory / "pack.yaml").write_text("\n".join(changed) + "\n", encoding="utf-8")
    return directory


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 3:
        sys.exit(__doc__)
    print(fill(Path(sys.argv[1]), name=sys.argv[2] if len(sys.argv) == 3 else None))
