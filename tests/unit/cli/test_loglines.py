from __future__ import annotations

import io
import json
from decimal import Decimal

import pytest

from seglam.cli.loglines import MAX_LINE_BYTES, BadLine, LogLine, read_lines


def read(*lines: str | bytes, locale: str | None = None) -> list[LogLine | BadLine]:
    raw = b"\n".join(line.encode() if isinstance(line, str) else line for line in lines)
    return list(read_lines(io.BytesIO(raw), locale))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "not JSON"),
        ("[]", "no JSON object"),
        ("NaN", "NaN is no JSON"),
        ('{"text": "x"}', '"id" is missing'),
        ('{"id": true, "text": "x"}', '"id" is neither'),
        ('{"id": 1}', '"text" or "value" is missing'),
        ('{"id": 1, "text": "x", "value": {}}', "both"),
        ('{"id": 1, "text": 7}', '"text" is no text'),
        ('{"id": 1, "id": 2, "text": "x"}', "a key twice"),
        ('{"id": 1, "text": "a\\ud800b"}', 'character 1 of "text" is a lone surrogate (U+D800)'),
        ('{"id": 1, "value": {"\\udfff": 1}}', "member's name is a lone surrogate"),
        ('{"id": 1, "text": "x", "inputs": {"a": {"mediaType": "t", "text": "\\udc00"}}}', '"inputs"/"a"/"text"'),
        ('{"id": 1, "text": "x", "inputs": {"a": {"text": "t"}}}', "mediaType"),
        ('{"id": 1, "text": "x", "inputs": []}', '"inputs" is not an object'),
        ('{"id": 1, "text": "x", "context": {"now": 5}}', "'now' of the context is no text"),
        ('{"id": 1, "text": "x", "compare": "nearly"}', "'nearly'; the rules are text, number"),
        ('{"id": 1, "text": "x", "compare": "number", "expected": "ten"}', "nothing that"),
        ('{"id": 1, "text": "x", "must_miss": "no"}', "true or false"),
        (b'{"id": 1, "text": "\xff"}', "byte 19 is not UTF-8"),
        ("[" * 50_000, "nested too deeply"),
        ('{"id": 1, "value": ' + "9" * 5000 + "}", "not JSON"),
    ],
)
def test_a_bad_line_is_told_with_its_number_and_the_next_is_read(line: str | bytes, problem: str) -> None:
    bad, good = read("", line, '{"id": 2, "text": "12 times 7"}')[:2]
    assert isinstance(bad, BadLine) and bad.number == 2
    assert problem in bad.problem
    assert isinstance(good, LogLine) and (good.number, good.id) == (3, 2)


def test_a_line_that_is_too_long_is_skipped_whole() -> None:
    long = b'{"id": 1, "text": "' + b"x" * (MAX_LINE_BYTES + 3_000_000) + b'"}'
    bad, good = read(long, '{"id": 2, "text": "x"}')
    assert isinstance(bad, BadLine) and "longer than" in bad.problem
    assert isinstance(good, LogLine) and good.number == 2


def test_numbers_are_exact() -> None:
    (line,) = read('{"id": 1, "value": {"a": 0.10, "b": 12345678901234567890}, "expected": 0.30}')
    assert isinstance(line, LogLine)
    assert line.request.value == {"a": Decimal("0.10"), "b": 12345678901234567890}
    assert str(line.expected) == "0.30"


def test_everything_of_a_line_is_read() -> None:
    given = {
        "id": "a", "family": "f", "text": "x", "inputs": {"s.csv": {"mediaType": "text/csv", "text": "a\n1"}},
        "context": {"now": "2024-01-01T00:00:00Z"}, "expected": "1", "compare": "number", "accept": ["1.0"],
        "defect": {"rule": "r", "generator": "2"}, "source": "anything else is passed over",
    }  # fmt: skip
    (line,) = read(json.dumps(given), locale="en-US")
    assert isinstance(line, LogLine)
    assert line.request.inputs["s.csv"].media_type == "text/csv"
    assert line.request.context == {"now": "2024-01-01T00:00:00Z", "locale": "en-US"}
    assert (line.family, line.expected, line.compare, line.accept) == ("f", "1", "number", ("1.0",))
    assert line.defect and not line.must_miss


def test_a_locale_of_the_line_counts_before_the_default() -> None:
    (line,) = read('{"id": 1, "text": "x", "context": {"locale": "de-DE"}}', locale="en-US")
    assert isinstance(line, LogLine) and line.request.region == "DE"


def test_a_byte_order_mark_is_no_fault() -> None:
    (line,) = read(b'\xef\xbb\xbf{"id": 1, "text": "x"}')
    assert isinstance(line, LogLine)
