"""What each cache serves for the second request of each pair."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.near_miss.pairs import Pair
from benchmarks.report import write
from seglam.gateway.running import program_of
from seglam.lookup import Binding, Hit, Index
from seglam.lookup.bulk import adding_many
from seglam.procedures import Revision
from seglam.procedures.answers import PostConditionFailed, canonical_answer
from seglam.procedures.load import load_file
from seglam.sandbox import Engine, Sandbox

ROOT = Path(__file__).parents[2]
PROCEDURES = ROOT / "examples" / "procedures"
OURS = "seglam"
PEERS = ("gptcache", "cosine-0.80", "cosine-0.90", "cosine-0.95", "exact")
PEERS_PYTHON = "SEGLAM_PEERS_PYTHON"


@dataclass(frozen=True, slots=True)
class Served:
    """An answer, or None for a miss. `by` names what answered: a procedure, or nothing for caches of answers."""

    answer: str | None
    by: str = ""


class NoPeers(RuntimeError):
    """The peers' environment is not there; the message says what to do."""


def ours(pairs: Sequence[Pair], procedures: Path = PROCEDURES) -> list[Served]:
    """What these procedures serve, all active at once: lookup, sandbox and post-conditions, as in the gateway.

    Misses are not explained, which takes the gateway longer than everything else here.
    """
    index, served = Index(explains=False), []
    with adding_many():
        for path in sorted(procedures.glob("*.yaml")):
            for loaded in load_file(path)[0]:
                index.add(Revision.of(loaded.document))
    with Sandbox(Engine.load()) as sandbox:
        for pair in pairs:
            found = index.find(pair.second)
            served.append(_run(found.binding, sandbox) if isinstance(found, Hit) else Served(None))
    return served


def _run(binding: Binding, sandbox: Sandbox) -> Served:
    revision = binding.revision
    run = sandbox.run(program_of(revision), binding.tagged())
    if run.fault is not None:
        return Served(None)
    try:
        return Served(canonical_answer(revision, run.answer), revision.name)
    except PostConditionFailed:
        return Served(None)


def peers_python() -> Path:
    """The interpreter of the peers' environment; `NoPeers` where there is none."""
    path = Path(os.environ.get(PEERS_PYTHON, ROOT / ".venv-peers" / "bin" / "python"))
    if not path.exists():
        shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path.name
        raise NoPeers(f"the peers are not measured: {shown} does not exist; make peers")
    return path


@contextmanager
def peers_process(names: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [str(peers_python()), "-m", "benchmarks.peers", *names]
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **one_thread}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        if process.stdin:
            process.stdin.close()
        process.wait()


def peers(pairs: Sequence[Pair], kept: Path, names: Sequence[str] = PEERS) -> Mapping[str, list[Served]]:
    """What caches of answers serve that hold the answers of all first requests; attached files belong to the text.

    No procedure changes what they serve, and it takes half an hour.

    Args:
        kept: the answers of an earlier run, which are taken if it was about the same pairs and caches, else replaced.
    """
    digest = digest_of(pairs, names)
    lines = kept.read_text(encoding="utf-8").splitlines() if kept.exists() else []
    if lines[:1] != [digest] or len(lines) != len(pairs) + 1:
        lines = [digest, *_asked(pairs, names)]
        write("".join(f"{line}\n" for line in lines), kept)
    answers = [json.loads(line) for line in lines[1:]]
    return {name: [Served(each[name]) for each in answers] for name in names}


def digest_of(pairs: Sequence[Pair], names: Sequence[str]) -> str:
    """Names what caches are asked: SHA-256 of all pairs and of the caches' names."""
    return hashlib.sha256(repr((tuple(names), list(pairs))).encode()).hexdigest()


def _asked(pairs: Sequence[Pair], names: Sequence[str]) -> Iterator[str]:
    first = {pair.first + _attached(pair, first=True): pair.first_answer for pair in pairs}
    with peers_process(names) as process:
        assert process.stdin and process.stdout
        for question, answer in first.items():
            process.stdin.write(json.dumps({"put": question, "answer": answer}) + "\n")
        for pair in pairs:
            asked = (pair.second.text or "") + _attached(pair, first=False)
            process.stdin.write(json.dumps({"get": asked}) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"the peers ended with exit code {process.wait()}; their messages are above")
            yield line.strip()


def _attached(pair: Pair, *, first: bool) -> str:
    """The content of the attached file, as a client without attachments would send it."""
    if first:
        return f"\n\n{pair.first_file}" if pair.first_file else ""
    return "".join(f"\n\n{item.text}" for item in pair.second.inputs.values())
