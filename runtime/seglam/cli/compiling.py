"""`seglam compile`: compile the type of a request now, and show what each gate found."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import typer

from seglam.cli.asking import Inputs, Locale, Now, TextArgument, Value, request_of
from seglam.cli.desk import evidence_as_json
from seglam.cli.exits import CliError, Exit
from seglam.cli.opening import DataDir, Recordings, service, settings_of
from seglam.cli.output import Json, Output, Step, visible
from seglam.cli.review import say_evidence, short

if TYPE_CHECKING:
    from seglam.gateway import Answer, Service
    from seglam.procedures import Request

POLL_S = 0.1
CODES = {
    "proposed": Exit.OK,
    "extended": Exit.OK,
    "known-by-now": Exit.OK,
    "not-compilable": Exit.NEGATIVE,
    "rejected": Exit.NEGATIVE,
    "no-completion": Exit.MISSING,
    "model-failed": Exit.MISSING,
    "budget": Exit.NEGATIVE,
}
"""Exit codes by the outcome of the compilation; of any other it is 1."""


def compile_(
    text: TextArgument = None,
    value: Value = None,
    inputs: Inputs = None,
    now: Now = None,
    locale: Locale = None,
    data_dir: DataDir = None,
    recordings: Recordings = None,
    as_json: Json = False,
) -> None:
    """Compile the type of a request now.

    The evidence of every gate is shown; what passes all of them waits for `seglam review`.

    Exit code 0 if a revision is proposed or one answers already, 1 if the type cannot be compiled or a gate rejected
    the code, 3 if there is no model or it failed.

    \b
    Example:
      seglam compile "What is the greatest common divisor of 12 and 18?"
    """
    out = Output(as_json)
    request = request_of(text, value, inputs, now, locale)
    with service(settings_of(data_dir=data_dir, recordings=recordings)) as running:
        with out.progress("compiling") as step:
            answer = _followed(running, request, step)
        if answer.compilation is None:
            _not_started(out, answer)
            raise typer.Exit(Exit.OK if answer.outcome == "hit" else CODES.get(str(answer.reason), Exit.NEGATIVE))
        row = running.store.compilation(answer.compilation)
        if row is None:
            raise CliError("the compilation is not in the store", "look at the service's log", where=answer.compilation)
        evidence = [evidence_as_json(each) for each in running.store.evidence(row.id)]
        calls = running.store.calls(row.id)
    content: dict[str, Any] = {
        "compilation": row.id,
        "outcome": row.outcome or row.progress,
        "message": row.message,
        "digest": row.digest,
        "replaces": row.replaces,
        "answer": row.answer,
        "evidence": evidence,
        "calls": [call.model_dump(exclude={"compilation"}) for call in calls],
    }
    out.json(content)
    code = CODES.get(str(row.outcome), Exit.NEGATIVE)
    out.say(visible(f"{content['outcome']}: {row.message}"), style="bold green" if code == Exit.OK else "bold red")
    say_evidence(out, evidence)
    for call in calls:
        source = f", {call.recording}" if call.recording else ""
        tokens = call.input_tokens + call.output_tokens
        out.say(visible(f"  asked   {call.role:<9}{call.purpose} {call.model}, {tokens} tokens{source}"))
    if row.digest:
        out.say(f"\nrevision {row.digest}\nnext: seglam review show {short(row.digest)}")
    raise typer.Exit(code)


def _followed(running: Service, request: Request, step: Step) -> Answer:
    """Handle the request in a thread, and show each step of its compilation meanwhile."""
    pending = running.begin(request, requester="command-line")
    if pending.flight is None:
        return pending.answer
    settled = threading.Event()
    pending.flight.settled.add_done_callback(lambda _: settled.set())
    shown = ""
    while not settled.wait(POLL_S):
        row = running.store.compilation(pending.flight.id)
        if row is not None and row.message != shown:
            shown = row.message
            step.advance(visible(shown, 80))
    return running.finish(pending)


def _not_started(out: Output, answer: Answer) -> None:
    """Say why there was nothing to compile."""
    out.json(answer.as_json())
    what = "it hits already" if answer.outcome == "hit" else f"no compilation started ({answer.reason})"
    out.say(what, style="bold")
    out.say(visible(answer.explanation))
