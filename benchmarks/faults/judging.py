"""A blind verifier's verdicts on pairs of sentences, kept as data: `judgements/*.jsonl` beside this file.

Each line is {"left", "right", "verdict", "origin"}. A pair that nobody judged is `unsure`, as with any recording.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from random import Random

HERE = Path(__file__).parent / "judgements"
Pair = tuple[str, str]


@cache
def judgements() -> dict[Pair, str]:
    """All verdicts that are kept."""
    found: dict[Pair, str] = {}
    for path in sorted(HERE.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            each = json.loads(line)
            found[each["left"], each["right"]] = each["verdict"]
    return found


@dataclass(slots=True)
class KeptJudge:
    """Answers from what is kept, and remembers what is not."""

    known: dict[Pair, str] = field(default_factory=judgements)
    unknown: dict[Pair, None] = field(default_factory=dict)

    def __call__(self, pairs: Sequence[Pair]) -> list[str]:
        """A verdict for each pair."""
        self.unknown |= {pair: None for pair in pairs if pair not in self.known}
        return [self.known.get(pair, "unsure") for pair in pairs]


def write_prompts(pairs: Mapping[Pair, str], directory: Path, at_once: int = 90) -> int:
    """Write `NN.prompt.txt` for people or models who judge blindly, and `pairs.jsonl`; how many prompts there are.

    Args:
        pairs: what is to be judged, with the summary of the procedure that it is about. Good and bad stand mixed.
        at_once: pairs in one prompt, about.
    """
    directory.mkdir(parents=True, exist_ok=True)
    grouped: dict[Pair, list[str]] = {}
    for (left, right), summary in pairs.items():
        grouped.setdefault((summary, left), []).append(right)
    groups = sorted(grouped.items())
    Random(1).shuffle(groups)
    prompts: list[list[str]] = []
    numbered: list[str] = []
    room = 0
    for (summary, left), rights in groups:
        if room <= 0:
            prompts.append([_instructions()])
            room = at_once
        prompts[-1].append(f"Procedure: {summary}\nSentence A: {left!r}")
        for right in Random(2).sample(sorted(rights), len(rights)):
            numbered.append(json.dumps({"pair": len(numbered) + 1, "left": left, "right": right}, ensure_ascii=False))
            prompts[-1].append(f"Pair {len(numbered)}, sentence B: {right!r}")
        room -= len(rights)
    for number, lines in enumerate(prompts):
        (directory / f"{number:02}.prompt.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (directory / "pairs.jsonl").write_text("".join(line + "\n" for line in numbered), encoding="utf-8")
    return len(prompts)


def _instructions() -> str:
    """The compiler's own question, with another form of reply."""
    prompt = resources.files("seglam.compiler").joinpath("prompts/contrasts.md").read_text(encoding="utf-8")
    question = prompt.split("Reply with one JSON object")[0].rstrip()
    reply = '{"pair": 17, "verdict": "same"}'
    form = f"Reply with a JSON line for every pair and nothing else, such as {reply}."
    return f"{question}\n\n{form} Look at nothing but this text.\n"


def read_replies(directory: Path, origin: str) -> int:
    """Add the verdicts of `NN.reply.jsonl` to what is kept; how many there are."""
    lines = (directory / "pairs.jsonl").read_text(encoding="utf-8").splitlines()
    pairs = {each["pair"]: each for each in map(json.loads, lines)}
    kept = []
    for path in sorted(directory.glob("*.reply.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip():
                reply = json.loads(line)
                pair = pairs[int(reply["pair"])]
                record = {"left": pair["left"], "right": pair["right"], "verdict": reply["verdict"], "origin": origin}
                kept.append(json.dumps(record, ensure_ascii=False))
    HERE.mkdir(exist_ok=True)
    with (HERE / "blind.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in kept)
    return len(kept)
