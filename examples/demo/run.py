"""`make demo`: a stream of requests through an embedded service, and the curve of what the model still had to do.

Starts `seglam serve` on a throw-away store, sends it a seeded, Zipf-distributed stream with known answers, and prints
while it runs and at the end: requests, hits, model calls and wrong answers for each slice of the stream, and the time
of a hit beside that of a model call. Without a model (SEGLAM_MODEL) the completions recorded in examples/recordings
stand in for one. The exit code is 0 only if no answer was wrong.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from time import perf_counter
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from examples.demo.serving import Client, ServiceFailed, serving  # noqa: E402
from examples.streams.lines import Line  # noqa: E402
from examples.streams.mixture import FAMILIES, FIRST_MEASURED_SEED, stream  # noqa: E402
from examples.streams.scores import score  # noqa: E402
from seglam.cli import report, tables  # noqa: E402
from seglam.cli.console import KEY, entrance  # noqa: E402
from seglam.cli.output import Output, one_line, visible  # noqa: E402
from seglam.cli.report import NO_CALLS, Calls, Record, Verdict, judge  # noqa: E402
from seglam.web.pages import LocalTokens, key_in  # noqa: E402

CHOICES = ROOT / "examples" / "choices.txt"
"""How this team reads names that are contested elsewhere; SEGLAM_CHOICES names another file."""
REVIEWER = "demo-reviewer"
MODEL_S = 2.0
MAX_SHOWN = 20
KOREA = (
    ("What is the capital of Korea?", "hit"),
    ("What is the capital of the Republic of Korea?", "hit"),
    ("What is the capital gain of Korea?", "miss"),
)
"""The essay's pair, which are one request, and a near miss that is another."""


@dataclass
class Run:
    """What is kept of the stream."""

    records: list[Record] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    origins: Counter[str] = field(default_factory=Counter)
    model_ms: list[float] = field(default_factory=list)
    """Times of live calls."""


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        prog="examples/demo/run.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=2000, help="requests (default: %(default)s)")
    parser.add_argument(
        "--seed", type=int, default=FIRST_MEASURED_SEED, help="of the stream; recordings come from seeds under 1000"
    )
    parser.add_argument("--families", metavar="A,B,C", help=f"of {', '.join(FAMILIES)} (default: all)")
    parser.add_argument("--slices", type=int, default=10, help="rows of the curve (default: %(default)s)")
    parser.add_argument("--locale", default="en-US", help="context that a team's gateway would set (default: en-US)")
    parser.add_argument("--recordings", type=Path, default=ROOT / "examples" / "recordings", help="where they are")
    parser.add_argument(
        "--keep", type=Path, metavar="DIRECTORY", help="keep the store here instead of throwing it away"
    )
    parser.add_argument("--stay", action="store_true", help="keep the service and its console until Ctrl-C")
    parser.add_argument(
        "--model-seconds", type=float, default=MODEL_S, help="assumed time of a model call where none is set"
    )
    options = parser.parse_args(arguments)
    families = options.families.split(",") if options.families else list(FAMILIES)
    if unknown := [family for family in families if family not in FAMILIES]:
        parser.error(f"unknown families {', '.join(unknown)}; known are {', '.join(FAMILIES)}")
    if options.count < 1 or options.slices < 1:
        parser.error("--count and --slices are at least 1")
    options.families = families
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration; 0 if no answer was wrong, 1 if one was, 3 if the service is not there."""
    options = parse(arguments)
    out = Output(as_json=False)
    live = bool(os.environ.get("SEGLAM_MODEL"))
    if not live and not any(options.recordings.glob("author/*.json")):
        fault = f"there is neither a model nor a recording in {options.recordings}; set SEGLAM_MODEL or --recordings"
        sys.stderr.write(f"demo: {fault}\n")
        return 3
    served = ["--auto-approve", REVIEWER, *([] if live else ["--recordings", str(options.recordings)])]
    try:
        with tempfile.TemporaryDirectory(prefix="seglam-demo-") as thrown_away:
            directory = options.keep or Path(thrown_away)
            directory.mkdir(parents=True, exist_ok=True)
            with serving(directory, served, {"SEGLAM_CHOICES": str(CHOICES), **os.environ}) as (client, described):
                _introduce(out, options, described, live)
                _console(out, client, directory, "watch it")
                began = perf_counter()
                run = send(out, client, options)
                took = perf_counter() - began
                conclude(out, client, run, options, live, took)
                if options.stay:
                    _console(out, client, directory, "the service stays until Ctrl-C")
                    _stay()
                else:
                    out.say("  the same on a page that stays, its address in the last line: make demo ARGS=--stay")
    except ServiceFailed as error:
        sys.stderr.write(f"demo: {visible(str(error))}\n")
        return 3
    except ValueError as error:  # seeds for recording and measuring would mix
        sys.stderr.write(f"demo: {error}\n")
        return 2
    return 1 if run.wrong else 0


def _introduce(out: Output, options: argparse.Namespace, described: Sequence[str], live: bool) -> None:
    out.say("SEGLAM: the model compiles each type of request once, and code answers it ever after", style="bold")
    for line in described:
        out.say(f"  {line}")
    out.say(
        f"  stream: {options.count} requests of {len(options.families)} families, seed {options.seed}, by Zipf's law;"
        f" each in the context of locale {options.locale}, as a team's gateway would set it"
    )
    out.say(f"  review: what passes all gates is approved by {REVIEWER!r} without a person; a team would review it")
    out.say(f"  choices of contested names: {os.environ.get('SEGLAM_CHOICES', CHOICES.relative_to(ROOT))}")
    if not live:
        out.say("  model:  none is set; completions recorded in this repository stand in for one")
    out.say("")


def _console(out: Output, client: Client, directory: Path, words: str) -> None:
    link = entrance(client.url, LocalTokens(key_in(directory / KEY)))
    out.say(f"  {words}: {link}&then=/console/operations")


def _stay() -> None:
    try:
        Event().wait()
    except KeyboardInterrupt:
        return


def send(out: Output, client: Client, options: argparse.Namespace) -> Run:
    """Send the stream, and print a row as each slice ends."""
    run = Run()
    ends = [end for _, end in report.parts(options.count, options.slices)]
    start = 0
    out.say(f"{'requests':>11}  {'hits':>5}  {'hit rate':>8}  {'':<{tables.BAR}}  model calls  wrong  p50 of hits")
    with out.progress("sending", options.count) as step:
        for number, line in enumerate(stream(options.count, options.seed, options.families), 1):
            _one(client, line, options.locale, run)
            step.advance(f"sending {line['family']}")
            if number == ends[0]:
                _row(out, start + 1, number, run.records[start:number])
                start = ends.pop(0)
    return run


def _row(out: Output, first: int, last: int, records: Sequence[Record]) -> None:
    found = report.totals(records)
    time = tables.micros(report.hit_p50(records))
    out.say(
        f"{f'{first}-{last}':>11}  {found['hits']:>5}  {tables.percent(found['hit_rate']):>8}"
        f"  {tables.bar(found['hit_rate'])}  {found['model_calls']:>11}  {found['wrong']:>5}  {time:>11}"
    )


def _one(client: Client, line: Line, locale: str, run: Run) -> None:
    """Send one request, and keep what became of it. The time of a hit is the whole exchange over HTTP."""
    body = {
        "text": line["text"],
        "inputs": line.get("inputs", {}),
        "context": {"locale": locale, **line.get("context", {})},
    }
    began = perf_counter()
    told = client.ask(body)
    elapsed_us = (perf_counter() - began) * 1e6
    calls = client.calls(told["compilation"]) if told.get("compilation") else []
    for call in calls:
        if call["recording"] is None:
            run.model_ms.append(call["elapsed_ms"])
        else:
            run.origins[call["recording"].partition(": ")[2]] += 1
    hit, answer = told.get("outcome") == "hit", told.get("answer")
    must_miss = line.get("must_miss", False)
    verdict = judge(hit, must_miss, line["expected"] is not None, lambda: score(line, answer))
    run.records.append(
        Record(
            family=line["family"],
            hit=hit,
            reason=None if hit else str(told.get("reason") or told.get("code") or "unknown"),
            verdict=verdict,
            lookup_us=elapsed_us,
            run_us=0.0,
            calls=_counted(calls),
            must_miss=must_miss,
            noted="defect" in line,
        )
    )
    if verdict is Verdict.WRONG:
        expected = "a miss" if must_miss else repr(line["expected"])
        run.wrong.append(f"{line['id']}: {told['procedure']} answered {answer!r}, right is {expected}")


def _counted(calls: Sequence[dict[str, Any]]) -> Calls:
    if not calls:
        return NO_CALLS
    author = [call for call in calls if call["role"] == "author"]
    repairs = sum(call["purpose"] == "repair" for call in author)
    return Calls(
        author=len(author) - repairs,
        repair=repairs,
        verifier=len(calls) - len(author),
        input_tokens=sum(call["input_tokens"] for call in calls),
        output_tokens=sum(call["output_tokens"] for call in calls),
        recorded=sum(call["recording"] is not None for call in calls),
    )


def conclude(out: Output, client: Client, run: Run, options: argparse.Namespace, live: bool, took: float) -> None:
    """Print the curve, the families, the explanations and where completions came from."""
    found = report.summary(run.records, options.slices, by_family=True)
    measured = report.percentile(run.model_ms, 0.5)
    model_us = options.model_seconds * 1e6 if measured is None else measured * 1e3
    out.say("")
    out.say(tables.curve(found["slices"], found["latency_us"]["hit_p50_by_slice"], model_us))
    out.say(
        "The time of a hit is measured, the whole exchange over HTTP. "
        + (
            f"That of a model call is an assumption, {options.model_seconds:g} s (--model-seconds)."
            if measured is None
            else f"That of a model call is the median of {len(run.model_ms)} calls."
        )
    )
    out.say(tables.families(found["families"]))
    out.say("Hit rates of families leave out requests whose text fixes no answer; those must miss.")
    if found["misses_by_reason"]:
        out.say(tables.counted("Misses by reason", found["misses_by_reason"], ("reason", "requests")))
    _explain(out, client, options.locale, run)
    _origins(out, run, found, live)
    _verdict(out, run, found, took)


def _explain(out: Output, client: Client, locale: str, run: Run) -> None:
    out.say("Why, in the service's own words", style="bold")
    for text, wanted in KOREA:
        told = client.explain({"text": text, "context": {"locale": locale}})
        out.say(f"  {told['outcome']:<5} {text}", style="green" if told["outcome"] == wanted else "red")
        out.say(f"        {one_line(told['explanation'], 400)}")
        if wanted == "miss" and told["outcome"] == "hit":
            run.wrong.append(f"{text!r} was bound to {told['procedure']}")
    out.say("")


def _origins(out: Output, run: Run, found: dict[str, Any], live: bool) -> None:
    calls = found["model"]
    out.say("Where the model's part came from", style="bold")
    out.say(
        f"  {calls['author_calls']} calls of the author, {calls['repair_calls']} repairs, {calls['verifier_calls']}"
        f" calls of the verifier; {calls['recorded']} of them were recorded completions"
    )
    if live:
        out.say(
            f"  model {os.environ['SEGLAM_MODEL']}, verified by {os.environ.get('SEGLAM_VERIFIER_MODEL', 'the same')}"
        )
    for origin, count in run.origins.most_common():
        out.say(f"  {count} completions: {visible(origin, 400)}")
    out.say("")


def _verdict(out: Output, run: Run, found: dict[str, Any], took: float) -> None:
    for wrong in run.wrong[:MAX_SHOWN]:
        out.say(f"  wrong: {visible(wrong, 400)}", style="red")
    bound = found["wrong_upper_bound_95"]
    sure = "" if bound is None else f" (with 95 % confidence at most {bound * 100:.3g} % of hits like these)"
    out.say(
        f"{found['requests']} requests in {took:.0f} s: {found['hits']} hits, {found['model_calls']} model calls,"
        f" {len(run.wrong)} wrong answers of {found['judged_hits']} judged{sure}",
        style="bold red" if run.wrong else "bold green",
    )


if __name__ == "__main__":
    sys.exit(main())
