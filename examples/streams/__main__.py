"""`python -m examples.streams`: write a labelled stream of requests as JSON lines."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from examples.streams import mixture
from examples.streams.lines import Line

_FIRST = mixture.FIRST_MEASURED_SEED
EPILOG = f"""\
Each line is {{"id", "family", "text", "inputs"?, "context"?, "expected", "compare", "accept"?,
"must_miss"?, "defect"?}}.
`expected` is null and `must_miss` true where the text does not fix an answer: serving any is wrong.
`compare` names how an answer is judged (examples/streams/scores.py); `accept` holds other right answers.
`defect` tells where the generator's own answer was not the right one (examples/streams/defects.py).

Seeds: recorded exemplars use seeds under {_FIRST}, measurements seeds from {_FIRST} up. Item i of a
reasoning-gym family under seed S is made from Random(S + i), so seeds closer than the count share items: for
independent measurements take seeds further apart (1000, 101000, 201000).
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m examples.streams",
        description="Write a seeded, Zipf-distributed stream of requests with their right answers as JSON lines.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--count", type=int, default=2000, help="lines to write (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="fixes everything (default: 1000, with --exemplars 0)")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--families", metavar="A,B,C", help=f"of {', '.join(mixture.FAMILIES)}")
    choice.add_argument("--all", action="store_true", help="all families (the default)")
    parser.add_argument(
        "--zipf",
        type=float,
        default=mixture.DEFAULT_EXPONENT,
        metavar="S",
        help="exponent over families, and over values and wordings of our own (default: %(default)s)",
    )
    parser.add_argument(
        "--near-misses",
        type=float,
        default=0.03,
        metavar="SHARE",
        help="share of requests beside the essay's families (default: %(default)s)",
    )
    parser.add_argument(
        "--exemplars",
        action="store_true",
        help=f"a handful of each family, for recording; refuses seeds from {_FIRST} up",
    )
    parser.add_argument(
        "--per-family",
        type=int,
        default=3,
        metavar="N",
        help="with --exemplars: how many of each family (default: %(default)s)",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write (default: standard output)")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the stream. Exit code 2 is bad usage, 1 a file that cannot be written."""

    parser = _parser()
    options = parser.parse_args(arguments)
    families = options.families.split(",") if options.families else list(mixture.FAMILIES)
    if unknown := [family for family in families if family not in mixture.FAMILIES]:
        parser.error(f"unknown families {', '.join(unknown)}; known are {', '.join(mixture.FAMILIES)}")
    if options.count < 0 or options.per_family < 0:
        parser.error("counts are not negative")
    if not 0 <= options.near_misses <= 1:
        parser.error(f"--near-misses is a share from 0 to 1, not {options.near_misses}")
    if len(set(families)) < len(families):
        parser.error("a family is named twice")

    default = 0 if options.exemplars else _FIRST
    seed = default if options.seed is None else options.seed
    if options.exemplars and seed >= _FIRST:
        parser.error(f"exemplars use seeds under {_FIRST}, not {seed}")
    try:
        mixture.check_seeds(seed, options.per_family if options.exemplars else options.count)
    except ValueError as error:
        parser.error(str(error))

    if options.exemplars:
        lines = _exemplars(families, seed, options.per_family, options.zipf)
    else:
        lines = mixture.stream(options.count, seed, families, options.zipf, options.near_misses)

    texts = (json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    if options.out is None:
        sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
        sys.stdout.writelines(texts)
    else:
        try:
            _write(options.out, texts)
        except OSError as error:
            parser.exit(1, f"{parser.prog}: error: nothing written to {options.out}: {error}\n")
    return 0


def _exemplars(families: Sequence[str], seed: int, each: int, exponent: float) -> Iterator[Line]:
    return chain.from_iterable(
        (mixture.line(family, seed, index, exponent) for index in range(each)) for family in families
    )


def _write(path: Path, texts: Iterable[str]) -> None:
    """All of the file or nothing: it is written beside its place and then moved there."""

    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.writelines(texts)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # the reader has seen enough, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
