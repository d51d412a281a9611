"""What holds of every value type, as checks that the tests of each type call."""

from __future__ import annotations

import random
from itertools import islice

from seglam.procedures.text import Text
from seglam.procedures.values.base import ValueType
from tests.unit.procedures.values.acceptor import accepts


def check_samples(kind: ValueType, count: int = 400) -> None:
    """Every sample has its canonical text as its only reading, and survives the way into the sandbox and back."""
    for sample in islice(kind.samples(random.Random(20)), count):
        assert kind.readings(sample.text) == (sample.canonical,), sample
        kind.check(sample.canonical)
        assert kind.from_tagged(kind.to_tagged(sample.canonical)) == sample.canonical
        assert kind.equal(sample.canonical, sample.canonical)
        assert kind.within(sample.canonical, None, None)


def check_junk(kind: ValueType, written: str, region: str | None = None) -> None:
    """Scans never fail, and each reading is sound: it ends at a token, and is within filter and shape."""
    text = Text(written, region)
    for start in range(len(text)):
        for end, canonical in kind.scan(text, start):
            assert start < end <= len(text)
            kind.check(canonical)
            assert kind.from_tagged(kind.to_tagged(canonical)) == canonical
            assert not (kind.separate and text.touched(start))
            assert not (kind.greedy and text.touched(end))
            assert kind.first is None or text.tokens[start][0] in kind.first
            assert accepts(kind.shape(), text.slice(start, end))
