"""`seglam ask`: one request, answered here or by a server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from seglam.cli import client
from seglam.cli.asking import Inputs, Locale, Now, TextArgument, Value, request_of
from seglam.cli.exits import CliError, Exit
from seglam.cli.opening import DataDir, Recordings, Server, service, settings_of
from seglam.cli.output import Json, Output, visible

WAIT_S = 600.0


def ask(
    text: TextArgument = None,
    value: Value = None,
    inputs: Inputs = None,
    now: Now = None,
    locale: Locale = None,
    server: Server = None,
    token_file: Annotated[
        Path | None,
        typer.Option(help="Token for a server that asks for one, as a cluster's gateway does.", show_default=False),
    ] = None,
    only_if_cached: Annotated[bool, typer.Option("--only-if-cached", help="Never call a model.")] = False,
    wait: Annotated[
        float, typer.Option(help="Seconds to wait for the compilation of a miss.", min=0.0, max=86_400.0)
    ] = WAIT_S,
    explain: Annotated[bool, typer.Option("--explain", help="Also say why.")] = False,
    data_dir: DataDir = None,
    recordings: Recordings = None,
    as_json: Json = False,
) -> None:
    """Answer a request by code, or compile its type.

    The answer is all that stdout gets; what kind of answer it is, is said on stderr. Exit code 0 where there is an
    answer (an answer of code that waits for review is marked provisional), 1 where there is none.

    \b
    Examples:
      seglam ask "What is 12 times 7?"
      seglam ask "How many days until May 1?" --now 2026-04-01T09:00:00Z
      seglam ask "Turn the attached CSV into JSON" --input stock.csv --only-if-cached
      seglam ask "What is the capital of Korea?" --server http://127.0.0.1:8484 --explain
      seglam ask "Is 2024 a leap year?" --server http://seglam-gateway.seglam-system --token-file /var/run/token
    """
    out = Output(as_json)
    request = request_of(text, value, inputs, now, locale)
    if server is not None:
        token = client.token_of(token_file) if token_file is not None else None
        content = client.ask(server, request, only_if_cached=only_if_cached, wait_s=wait, token=token)
    elif token_file is not None:
        raise CliError("--token-file is for a server", "name one with --server", Exit.USAGE)
    else:
        settings = settings_of(data_dir=data_dir, recordings=recordings)
        with service(settings) as running, out.progress("compiling if it misses"):
            answer = running.handle(request, only_if_cached=only_if_cached, wait_s=wait)
            content = answer.as_json()
    out.json(content)
    _say(out, content, explain)
    raise typer.Exit(Exit.OK if content.get("answer") is not None else Exit.NEGATIVE)


def _say(out: Output, content: dict[str, Any], explain: bool) -> None:
    if out.as_json:
        return
    answer, outcome, reason = content.get("answer"), content["outcome"], content.get("reason")
    if answer is not None:
        out.say(visible(answer))
    times = content.get("timings") or {}
    spent = f"lookup {times.get('lookup_us', 0):.0f} us, run {times.get('run_us', 0):.0f} us"
    what = f"{outcome} ({reason})" if reason else str(outcome)
    by = f" {content['procedure']}" if content.get("procedure") else ""
    out.note(visible(f"{what}{by}, {spent}"))
    if explain or answer is None:
        (out.say if explain else out.note)(visible(str(content.get("explanation", ""))))
    if answer is None and content.get("compilation") and reason not in ("not-compilable", "rejected"):
        out.note(f"compilation {content['compilation']}")
