"""`python -m seglam.resources.crds`: writes the CustomResourceDefinitions as files.

python -m seglam.resources.crds                        into crds/
python -m seglam.resources.crds --check                only says whether the files are up to date
python -m seglam.resources.crds DIRECTORY --helm       as templates of a Helm chart
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from seglam.resources.definitions import DEFINITIONS

HEADER = "# Made from the models by `make crds`. Do not edit.\n"


class _Dumper(yaml.SafeDumper):
    """Writes lists indented and never refers to an earlier place."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def files() -> dict[str, str]:
    """Content of every file of `crds/`, by its name."""
    return {
        f"{definition.kind.plural}.yaml": HEADER
        + yaml.dump(definition.document(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
        for definition in DEFINITIONS
    }


def outdated(directory: Path, wanted: Mapping[str, str]) -> list[str]:
    """What differs between a directory and what it should hold, one sentence each."""
    found = {path.name: path.read_text(encoding="utf-8") for path in directory.glob("*.yaml") if path.is_file()}
    missing = [f"{name} is missing" for name in wanted if name not in found]
    different = [
        f"{name} is not what the models say" for name in wanted if found.get(name, wanted[name]) != wanted[name]
    ]
    return missing + different


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the files; 1 where a check fails."""
    parser = argparse.ArgumentParser(prog="python -m seglam.resources.crds", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("directories", nargs="*", type=Path, help="where the files are (crds)")
    parser.add_argument("--check", action="store_true", help="write nothing; say what is not up to date")
    chosen = parser.parse_args(arguments)
    wanted = files()
    problems = []
    for directory in chosen.directories or [Path("crds")]:
        if chosen.check:
            problems += [f"{directory}: {problem}" for problem in outdated(directory, wanted)]
            continue
        directory.mkdir(parents=True, exist_ok=True)
        for name, content in wanted.items():
            (directory / name).write_text(content, encoding="utf-8")
    for problem in problems:
        print(f"{problem}; run `make crds`", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
