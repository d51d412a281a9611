"""`seglam replay`: a log of requests through the whole loop, and what a team wants to know of it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from seglam.cli.exits import CliError, Exit
from seglam.cli.files import atomic
from seglam.cli.opening import OptionalDataDir, Recordings
from seglam.cli.output import Json, Output, Step, json_line, visible

if TYPE_CHECKING:
    from seglam.cli.decisions import Decision
    from seglam.cli.loglines import BadLine, LogLine
    from seglam.cli.loop import Loop
    from seglam.cli.report import Record

MAX_SHOWN = 100
"""Wrong answers and bad lines that are listed one by one; all are counted."""

EPILOG = """\
\b
Lines of REQUESTS.jsonl:
  {"id", "text" or "value", "inputs"?, "context"?, "expected"?,
   "family"?, "compare"?, "accept"?, "must_miss"?, "defect"?}
  "inputs" are {"sales.csv": {"mediaType": "text/csv", "text": "..."}}, "context" is {"now": "...", "locale": "..."}.
  An answer is right if its canonical text is "expected" (any JSON value), or one of "accept". "compare" forgives
  style: text, number, numbers, fraction, complex, json, csv, name. A hit where "must_miss" is true is wrong.
  "defect" marks lines whose source has another answer than the right one in "expected"; they are counted as noted.

\b
Lines of DECISIONS.jsonl:
  {"id", "outcome", "reason"?, "procedure"?, "revision"?, "arguments"?, "answer"?, "stage"?,
   "lookup_us", "run_us", "model_calls"}
  "model_calls" are the author's and repairs; the verifier's are counted apart, in the summary.

\b
A miss waits for its compilation, and what passes all gates is approved under the name of --approve, so that later
requests hit. Nobody reviews here: use it to measure, not to admit procedures. Two runs differ in times only.

\b
Examples:
  seglam replay requests.jsonl --out decisions.jsonl --families
  seglam replay requests.jsonl --out decisions.jsonl --procedures examples/procedures --only-if-cached

\b
Exit codes: 0 done, 1 a hit was wrong, 2 usage, 3 the engine or a recording is missing, 4 a file or the store cannot be
used, 5 lines were bad and were skipped (1 counts before 5).
"""


@dataclass
class Tally:
    """What is kept while a log goes by."""

    records: list[Record] = field(default_factory=list)
    wrong: list[dict[str, object]] = field(default_factory=list)
    bad: list[BadLine] = field(default_factory=list)


def replay(
    requests: Annotated[Path, typer.Argument(help="The log, one JSON object a line.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Where the decisions go, one line a request.", show_default=False)],
    procedures: Annotated[
        Path | None, typer.Option(help="Procedures to begin with: a YAML file or a directory.", show_default=False)
    ] = None,
    only_if_cached: Annotated[bool, typer.Option("--only-if-cached", help="Never call a model.")] = False,
    seed_order: Annotated[
        int | None, typer.Option(help="Shuffle the requests with this seed first.", metavar="N", show_default=False)
    ] = None,
    recordings: Recordings = None,
    locale: Annotated[
        str | None, typer.Option(help="Locale of requests that name none, such as en-US.", show_default=False)
    ] = None,
    approve: Annotated[
        str, typer.Option(help="Approve what passes all gates under this name.", metavar="NAME")
    ] = "replay",
    no_approve: Annotated[bool, typer.Option("--no-approve", help="Leave proposals waiting.")] = False,
    no_aliases: Annotated[
        bool, typer.Option("--no-aliases", help="Never ask if a miss is another wording: the curve without learning.")
    ] = False,
    slices: Annotated[int, typer.Option(help="Slices of the log in the hit rate over time.", min=1, max=1000)] = 10,
    families: Annotated[bool, typer.Option("--families", help="Also figures by family.")] = False,
    data_dir: OptionalDataDir = None,
    as_json: Json = False,
) -> None:
    """Send a log of requests through the loop.

    It runs in this process on a throw-away store. The report has the hit rate over time, wrong answers where the log
    has expected ones, misses by reason, model calls and tokens, and latencies.
    """
    from seglam.cli import report
    from seglam.cli.loop import Loop

    output = Output(as_json)
    approved = None if no_approve else approve
    tally = Tally()
    with (
        _reading(requests) as stream,
        Loop(
            procedures,
            recordings,
            data_dir,
            approve=approved,
            only_if_cached=only_if_cached,
            aliases=not no_aliases,
        ) as loop,
        _writing(out) as sink,
        output.progress("replaying") as step,
    ):
        for line in _lines(stream, locale, seed_order, tally):
            _one(loop, line, sink, tally)
            _advance(step, tally)
        described = loop.described
    summary = {
        **report.summary(tally.records, slices, by_family=families),
        "wrong_answers": tally.wrong[:MAX_SHOWN],
        "bad_lines": len(tally.bad),
        "bad_line_problems": [{"line": bad.number, "problem": bad.problem} for bad in tally.bad[:MAX_SHOWN]],
        "approved_as": approved,
        "only_if_cached": only_if_cached,
        "aliases": not no_aliases,
        "completions": described,
    }
    output.json(summary)
    _say(output, summary, out)
    raise typer.Exit(Exit.NEGATIVE if summary["wrong"] else Exit.SKIPPED if tally.bad else Exit.OK)


def _one(loop: Loop, line: LogLine, sink: IO[bytes], tally: Tally) -> None:
    from seglam.cli.decisions import wrong_answer
    from seglam.cli.report import Verdict

    decision: Decision = loop.decide(line)
    record = decision.record(line)
    sink.write(json_line(decision.line(line.id)).encode())
    tally.records.append(record)
    if record.verdict is Verdict.WRONG:
        tally.wrong.append(wrong_answer(line, decision))


def _lines(stream: IO[bytes], locale: str | None, seed: int | None, tally: Tally) -> Iterator[LogLine]:
    from seglam.cli.loglines import BadLine, read_lines

    def good() -> Iterator[LogLine]:
        for line in read_lines(stream, locale):
            if isinstance(line, BadLine):
                tally.bad.append(line)
            else:
                yield line

    if seed is None:
        yield from good()
        return
    everything = list(good())
    random.Random(seed).shuffle(everything)
    yield from everything


def _advance(step: Step, tally: Tally) -> None:
    if len(tally.records) % 20 == 0:
        hits = sum(record.hit for record in tally.records[-1000:])
        step.advance(f"replaying, {hits / len(tally.records[-1000:]):.0%} hits of late", by=20)


@contextmanager
def _reading(path: Path) -> Iterator[IO[bytes]]:
    try:
        stream = path.open("rb")
    except OSError as error:
        raise CliError(f"cannot be read ({error.strerror})", "correct the path", where=str(path)) from error
    with stream:
        yield stream


@contextmanager
def _writing(path: Path) -> Iterator[IO[bytes]]:
    try:
        with atomic(path) as sink:
            yield sink
    except OSError as error:
        what = f"cannot be written ({error.strerror}); it is as it was before"
        raise CliError(what, "choose another --out or free space", where=str(path)) from error


def _say(output: Output, summary: dict[str, Any], out: Path) -> None:
    from seglam.cli import tables

    if output.as_json:
        return
    latency, model = summary["latency_us"], summary["model"]
    output.say(tables.curve(summary["slices"], latency["hit_p50_by_slice"]))
    if summary["misses_by_reason"]:
        output.say(tables.counted("Misses by reason", summary["misses_by_reason"], ("reason", "requests")))
    if "families" in summary:
        output.say(tables.families(summary["families"]))
    output.say(
        f"{summary['requests']} requests, {summary['hits']} hits ({tables.percent(summary['hit_rate'])});"
        f" {tables.percent(summary['answerable_hit_rate'])} of the {summary['answerable']} that may be answered"
    )
    output.say(
        f"wrong answers: {summary['wrong']} of {summary['judged_hits']} hits that could be judged" + _bound(summary)
    )
    for wrong in summary["wrong_answers"]:
        expected = "a miss" if wrong["must_miss"] else repr(wrong["expected"])
        text = f"  line {wrong['line']}: {wrong['procedure']} answered {wrong['answer']!r}, expected {expected}"
        output.say(visible(text, 300), style="red")
    if summary["noted_defects"]:
        output.say(f"{summary['noted_defects']} lines note a defect of their source; they were judged by `expected`")
    tokens = model["input_tokens"] + model["output_tokens"]
    output.say(
        f"model calls: {model['author_calls']} author, {model['repair_calls']} repair, {model['verifier_calls']}"
        f" verifier ({model['recorded']} of them recorded), {tokens} tokens; {summary['completions']}"
    )
    output.say(
        f"lookup p50 {tables.micros(latency['lookup']['p50'])}, p99 {tables.micros(latency['lookup']['p99'])};"
        f" run p50 {tables.micros(latency['run']['p50'])}, p99 {tables.micros(latency['run']['p99'])}"
    )
    if summary["approved_as"] is not None and not summary["only_if_cached"]:
        output.say(f"proposals were approved as {summary['approved_as']!r}, without a review")
    for bad in summary["bad_line_problems"]:
        output.say(visible(f"  skipped line {bad['line']}: {bad['problem']}", 300), style="yellow")
    if summary["bad_lines"]:
        output.say(f"{summary['bad_lines']} bad lines were skipped", style="yellow")
    output.say(f"decisions written to {out}")


def _bound(summary: dict[str, Any]) -> str:
    bound = summary["wrong_upper_bound_95"]
    return "" if bound is None else f"; with 95 % confidence at most {bound * 100:.3g} % of hits like these"
