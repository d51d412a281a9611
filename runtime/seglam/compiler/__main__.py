"""Compile the requests of a file, one after the other, each against what the ones before it became.

    python -m seglam.compiler REQUESTS.jsonl --procedures DIRECTORY [--recordings DIRECTORY]

A line is `{"text": "..."}`. Procedures that pass are written to the directory and count as active for the lines that
follow; a line that is a hit already asks nobody. For trying prompts and for recording completions: nothing is reviewed.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from seglam.compiler import Bench, Budget, Compilation, Compiler, Missed, models_of
from seglam.lookup import Hit, Index
from seglam.procedures import Request, Revision, dump, load_documents
from seglam.sandbox import Engine, Sandbox


def main() -> int:
    """Run; the exit code is 1 if a line neither hit nor was compiled."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("requests", type=Path, help="JSON lines, or - for one request's text on standard input")
    parser.add_argument("--procedures", type=Path, required=True, help="where procedures are read from and written to")
    parser.add_argument("--recordings", type=Path, help="completions to use where no model is set")
    parser.add_argument("--choices", type=Path, help="the tenant's choices of contested names, one sentence a line")
    parser.add_argument("--seconds", type=float, default=7200.0, help="time budget of one compilation")
    options = parser.parse_args()
    options.procedures.mkdir(parents=True, exist_ok=True)
    index = Index()
    for loaded in load_documents(options.procedures)[0]:
        index.add(Revision.of(loaded.document))
    models = models_of(options.recordings)
    print(f"using {models.described}; {len(index)} procedures active", file=sys.stderr)
    bench = Bench(Sandbox(Engine.load(build="a")), Sandbox(Engine.load(build="b")))
    choices = options.choices.read_text(encoding="utf-8").splitlines() if options.choices else []
    budget = Budget(tokens=2_000_000, seconds=options.seconds)
    compiler = Compiler(models.author, models.verifier, bench, budget=budget, choices=choices)
    if str(options.requests) == "-":
        texts = [sys.stdin.read()]
    else:
        texts = [json.loads(line)["text"] for line in options.requests.read_text(encoding="utf-8").splitlines() if line]
    return max([_one(text, index, compiler, options.procedures) for text in texts], default=0)


def _one(text: str, index: Index, compiler: Compiler, directory: Path) -> int:
    request = Request(text=text)
    found = index.find(request)
    if isinstance(found, Hit):
        print(json.dumps({"text": text, "outcome": "hit", "explanation": found.explanation}), flush=True)
        return 0
    made = compiler.compile(
        Missed(request, found), index, lambda words: print(f"  {words}", file=sys.stderr, flush=True)
    )
    print(json.dumps({"text": text, **shown(made)}, ensure_ascii=False), flush=True)
    if made.document is not None:
        path = directory / f"{made.document.metadata.name}.yaml"
        path.write_text(dump(made.document), encoding="utf-8")
        revision = Revision.of(made.document)
        if made.replaces is not None:
            index.replace(made.replaces, revision)
        else:
            index.add(revision)
    return 0 if made.document is not None or made.negative is not None else 1


def shown(made: Compilation) -> dict[str, object]:
    """A compilation for a person."""
    return {
        "outcome": made.outcome,
        "message": made.message,
        "answer": made.answer,
        "arguments": dict(made.arguments),
        "gates": [{"gate": e.gate, "passed": e.passed, "summary": e.summary} for e in made.evidence],
        "calls": [f"{call.role} {call.purpose}" for call in made.calls],
        "failure": next((dict(e.detail) for e in reversed(made.evidence) if not e.passed), None),
    }


if __name__ == "__main__":
    sys.exit(main())
