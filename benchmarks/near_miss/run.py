"""The battery as a benchmark: pairs, what the caches serve, what was wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.near_miss import judged
from benchmarks.near_miss.judged import Judged, judge
from benchmarks.near_miss.pairs import PER_KIND, PER_PARAPHRASE, PUBLISHED_SEED, Generator, Pair
from benchmarks.near_miss.paraphrases import paraphrases
from benchmarks.near_miss.served import OURS, PROCEDURES, NoPeers, ours, peers
from benchmarks.report import RESULTS, write

QUICK_PER_KIND, QUICK_PARAPHRASES = 1, 10
"""Pairs of one question and kind, and every how many paraphrases, in a quick run."""
NAME = "near_miss"
KEPT = RESULTS.parents[1] / "build" / "near_miss_caches.jsonl"
"""What caches of answers served of the pairs of the last run."""


@dataclass(frozen=True, slots=True)
class Battery:
    """One run, which prints and keeps itself as other benchmarks do."""

    pairs: Sequence[Pair]
    results: Mapping[str, Judged]
    notes: Sequence[str]

    def table(self) -> str:
        """Shares by kind, then the notes."""
        what = "wrong is an answer that differs from the oracle's, or any where none is right"
        head = f"{NAME}: {len(self.pairs):,} pairs; {what}"
        return "\n".join([head, judged.table(self.results), *self.notes, ""])

    def as_json(self, circumstances: dict[str, object]) -> str:
        """The published record."""
        return judged.as_json(self.pairs, self.results, circumstances, self.notes)

    def write(self, circumstances: dict[str, object], directory: Path = RESULTS) -> Path:
        """Keep the result as `near_miss.json`, whole or not at all."""
        path = directory / f"{NAME}.json"
        write(self.as_json(circumstances), path)
        return path


def run(quick: bool, seed: int = PUBLISHED_SEED, procedures: Path = PROCEDURES, beside: bool = True) -> Battery:
    """Everything; `quick` takes a few hundred pairs and no peers.

    Args:
        beside: whether caches of answers are measured too, where their environment is there.
    """
    generator = Generator(seed, QUICK_PER_KIND if quick else PER_KIND, 1 if quick else PER_PARAPHRASE)
    pairs = list(generator.pairs(paraphrases()[:: QUICK_PARAPHRASES if quick else 1]))
    results = {OURS: judge(pairs, ours(pairs, procedures))}
    notes = [f"Seed {seed}; bounds are exact (Clopper-Pearson, one-sided) and take the pairs as independent."]
    if beside and not quick:
        try:
            results |= {name: judge(pairs, served) for name, served in peers(pairs, KEPT).items()}
            notes.append(
                "Caches of answers hold the answers of all first requests; gptcache is as it comes, with MiniLM. What "
                "they serve is measured once for the same pairs."
            )
        except NoPeers as problem:
            notes.append(str(problem))
    return Battery(pairs, results, notes)
