"""The programs of others that tests use.

    python3 -m tests.gotools build [NAME...]   build them from Go modules, all or some (names of directories here)
    python3 -m tests.gotools status            one line a program
    python3 -m tests.gotools where             the directory that holds them

They are kept in $GOTOOLS_DIR, else in the user's cache. Only the standard library is needed.
"""

from __future__ import annotations

import sys

from tests.gotools.build import HERE, BuildError, binaries, build, current, groups


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit code."""
    match arguments:
        case ["build", *names]:
            unknown = [name for name in names if not (HERE / name / "go.mod").exists()]
            if unknown:
                print(f"gotools: there is no {', '.join(unknown)}", file=sys.stderr)
                return 2
            try:
                build([HERE / name for name in names] or None)
            except BuildError as error:
                print(f"gotools: {error}", file=sys.stderr)
                return 1
        case ["status"]:
            for group in groups():
                print(f"{group.name}: {'built' if current(group) else 'not built'}")
        case ["where"]:
            print(binaries())
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
