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
_METADATA = "metadata:\n  name: {name}\n"
_HELM_METADATA = """metadata:
  name: {name}
  labels:
    {{{{- include "seglam.labels" . | nindent 4 }}}}
  {{{{- if .Values.crds.keep }}}}
  annotations:
    helm.sh/resource-policy: keep
  {{{{- end }}}}
"""


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


def helm_files() -> dict[str, str]:
    """The same as chart templates: made where `crds.enabled`, kept at uninstall where `crds.keep`.

    The chart defines the template `seglam.labels`.
    """
    templates = {}
    for definition, content in zip(DEFINITIONS, files().values(), strict=True):
        name = definition.kind.crd
        plain = _METADATA.format(name=name)
        if content.count(plain) != 1 or "{{" in content:
            raise ValueError(f"{name} cannot be a template: its text holds what templates take as their own")
        body = content.removeprefix(HEADER).replace(plain, _HELM_METADATA.format(name=name))
        templates[f"crd-{definition.kind.plural}.yaml"] = (
            f"{{{{- if .Values.crds.enabled }}}}\n{HEADER}{body}{{{{- end }}}}\n"
        )
    return templates


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
    parser.add_argument("directory", nargs="?", type=Path, default=Path("crds"), help="where to write (crds)")
    parser.add_argument("--helm", action="store_true", help="write templates of a Helm chart")
    parser.add_argument("--check", action="store_true", help="write nothing; say what is not up to date")
    chosen = parser.parse_args(arguments)
    wanted = helm_files() if chosen.helm else files()
    if chosen.check:
        problems = outdated(chosen.directory, wanted)
        for problem in problems:
            print(f"{chosen.directory}: {problem}; run `make crds`", file=sys.stderr)
        return 1 if problems else 0
    chosen.directory.mkdir(parents=True, exist_ok=True)
    for name, content in wanted.items():
        (chosen.directory / name).write_text(content, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
