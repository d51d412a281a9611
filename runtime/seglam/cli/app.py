"""The `seglam` command: its groups, its error handling, its help."""

from __future__ import annotations

import os
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from seglam.cli import (
    ask,
    compiling,
    console,
    doctor,
    explain,
    feedback,
    keys,
    mcp,
    procedures,
    replay,
    review,
    savings,
    serve,
    trace,
)
from seglam.cli.exits import CliError, Exit, table
from seglam.cli.output import json_line, visible
from seglam.cli.packs import app as packs

EPILOG = f"""\
\b
Begin with:
  seglam doctor                          what is there, what is missing
  seglam ask "What is 12 times 7?"       hit: code answers; miss: a compilation starts
  seglam explain "12 plus 7"             why a request hits or misses
  seglam replay requests.jsonl --out decisions.jsonl
                                         what a log of your requests would save
  seglam pack --help                     publish procedures, import those of others

\b
Exit codes:
{table()}

\b
Environment:
  SEGLAM_MODEL, SEGLAM_VERIFIER_MODEL, OPENAI_BASE_URL, OPENAI_API_KEY   the model; none: recordings only
  SEGLAM_RECORDINGS                                                      recorded completions, used without a model
  SEGLAM_DATA_DIR, SEGLAM_ENGINE_DIR, SEGLAM_PROCEDURES                  store, engine, directories of YAML files
  SEGLAM_CHOICES                                                         how contested names are read, a line each
  SEGLAM_REGISTRY, SEGLAM_CONFIG_DIR                                     registry of packs; what is trusted
  SEGLAM_API_KEY                                                         key that is sent to --server
  NO_COLOR                                                               no colour
  SEGLAM_DEBUG=1                                                         tracebacks
"""

app = typer.Typer(
    name="seglam",
    help="A reasoning cache: the model compiles each type of request once, and code answers it ever after.",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("serve")(serve.serve)
app.command("ask")(ask.ask)
app.command("replay", epilog=replay.EPILOG)(replay.replay)
app.command("mcp")(mcp.mcp)
app.command("feedback")(feedback.feedback)
app.command("explain")(explain.explain)
app.command("compile")(compiling.compile_)
app.add_typer(procedures.app, name="procedures")
app.add_typer(review.app, name="review")
app.add_typer(keys.app, name="keys")
app.add_typer(packs.app, name="pack")
app.command("console")(console.console)
app.command("trace")(trace.trace)
app.command("savings")(savings.savings)
app.command("doctor")(doctor.doctor)


def _show_version(wanted: bool) -> None:
    if wanted:
        try:
            found = version("seglam")
        except PackageNotFoundError:  # run from a source tree that is not installed
            found = "unknown"
        typer.echo(f"seglam {found}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """A reasoning cache: the model compiles each type of request once, and code answers it ever after."""


def main() -> None:
    """The entry point. Errors are one line on stderr; a traceback only with SEGLAM_DEBUG=1."""
    try:
        app()
    except CliError as error:
        if os.environ.get("SEGLAM_DEBUG") == "1":
            raise
        fail(error)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(Exit.INTERRUPTED)
    except BrokenPipeError:  # the reader has seen enough, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(Exit.NEGATIVE)
    except Exception as error:
        if os.environ.get("SEGLAM_DEBUG") == "1":
            raise
        fail(
            CliError(
                f"internal error: {type(error).__name__}: {error}",
                "this is a defect; run again with SEGLAM_DEBUG=1 and report what it prints",
                Exit.DEFECT,
            )
        )


def fail(error: CliError) -> None:
    """End the process with an error: one line on stderr and, with `--json`, one object on stdout."""
    if "--json" in sys.argv[1:]:
        sys.stdout.write(json_line(error.as_json()))
        sys.stdout.flush()
    sys.stderr.write(f"seglam: {visible(error.line)}\n")
    sys.exit(error.code)


if __name__ == "__main__":
    main()
