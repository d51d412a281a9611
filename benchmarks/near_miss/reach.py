"""`python -m benchmarks.near_miss.reach`: how many unseen paraphrases that miss the recorded replies of authors would
read, if no gate took anything from them. It bounds what another round of the same replies can gain; nothing is served.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from benchmarks.near_miss.pairs import PUBLISHED_SEED, Generator
from benchmarks.near_miss.paraphrases import paraphrases
from benchmarks.near_miss.question import Kind, Wording, questions
from benchmarks.near_miss.served import PROCEDURES, ROOT
from seglam.compiler.assemble import extended, with_patterns, without_faulty_patterns
from seglam.compiler.framing import framed
from seglam.compiler.recordings import AliasRecording, read_recordings
from seglam.lookup import Hit, Index
from seglam.lookup.bulk import adding_many
from seglam.procedures import Revision
from seglam.procedures.load import load_file
from seglam.procedures.request import Request

RECORDINGS = ROOT / "examples" / "rounds"
PART = "unseen"


def revisions(procedures: Path) -> dict[str, Revision]:
    """The procedures of a directory, by name."""
    loaded = (each for path in sorted(procedures.glob("*.yaml")) for each in load_file(path)[0])
    return {revision.name: revision for revision in map(Revision.of, (each.document for each in loaded))}


def as_written(recording: AliasRecording, base: Revision) -> Index:
    """The patterns of a reply alone, with their frame, as no gate has seen them."""
    assert recording.reply.extension is not None and recording.reply.extension.extend is not None
    reply = framed(recording.reply.extension.extend, base)
    document, _ = without_faulty_patterns(extended(base, reply), base.spec)
    old = {pattern.text for pattern in base.spec.match.patterns or ()}
    new = [pattern for pattern in document.spec.match.patterns or () if pattern.text not in old]
    index = Index(explains=False)
    index.add(Revision.of(with_patterns(document, new)))
    return index


def missed(known: Sequence[Revision]) -> Iterator[tuple[str, Request]]:
    """Unseen paraphrases that none of these procedures reads, each with one draw of values, and their questions."""
    index, by_name = Index(explains=False), {question.name: question for question in questions()}
    with adding_many():
        for revision in known:
            index.add(revision)
    generator = Generator(PUBLISHED_SEED, 0, 1)
    for each in paraphrases():
        question = by_name[each.question]
        if each.part == PART:
            wording = Wording(each.text, question.ask.answer)
            pair = generator.distinct(question, Kind.PARAPHRASE, Random(each.text), wording)
            if pair is not None and not isinstance(index.find(pair.second), Hit):
                yield each.question, pair.second


def main(arguments: list[str]) -> int:
    """Print, for each question, how many of its misses some reply would read."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.near_miss.reach", description=__doc__)
    parser.add_argument("--procedures", type=Path, default=PROCEDURES, help="directory of YAML files")
    parser.add_argument("--recordings", type=Path, default=RECORDINGS, help="directory of recordings")
    chosen = parser.parse_args(arguments)
    known, replies = revisions(chosen.procedures), list[Index]()
    for name, recording in read_recordings(chosen.recordings).items():
        if not isinstance(recording, AliasRecording) or recording.reply.procedure not in known:
            continue
        try:
            replies.append(as_written(recording, known[recording.reply.procedure]))
        except ValueError as problem:
            print(f"{name} cannot be read beside today's procedure: {problem}", file=sys.stderr)
    all_, read = Counter[str](), Counter[str]()
    for question, request in missed(list(known.values())):
        all_[question] += 1
        read[question] += any(isinstance(reply.find(request), Hit) for reply in replies)
    for question, count in all_.most_common():
        print(f"{read[question]:3} of {count:3}  {question}")
    print(f"{read.total()} of {all_.total()} misses would be read by {len(replies)} replies as they were written")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
