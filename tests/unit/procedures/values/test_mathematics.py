from __future__ import annotations

import random
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam.procedures.text import Text
from seglam.procedures.values.base import ValueProblem, ValueType
from seglam.procedures.values.expressions import ArithmeticType, EquationType, ExpressionType
from seglam.procedures.values.formats import MAX_DIGITS
from seglam.procedures.values.mathematics import ComplexType, FractionType
from seglam.procedures.values.matrices import MatrixType
from tests.unit.procedures.values.acceptor import accepts
from tests.unit.procedures.values.properties import check_junk, check_samples

FRACTION, COMPLEX, MATRIX = FractionType(), ComplexType(), MatrixType()
ARITHMETIC, EXPRESSION, EQUATION = ArithmeticType(), ExpressionType(), EquationType()
KINDS: tuple[ValueType, ...] = (FRACTION, COMPLEX, MATRIX, ARITHMETIC, EXPRESSION, EQUATION)
SQUARE = '[["1","2"],["3","4"]]'

# type, text, canonical text or None
READ: list[tuple[ValueType, str, str | None]] = [
    (FRACTION, "3/4", "3/4"),
    (FRACTION, "6/8", "6/8"),
    (FRACTION, "-3/4", "-3/4"),
    (FRACTION, "-0/4", "0/4"),
    (FRACTION, "3 / 4", "3/4"),
    (FRACTION, "3 /4", None),
    (FRACTION, "3/0", None),
    (FRACTION, "3/-4", None),
    (FRACTION, "03/4", None),
    (FRACTION, "1 1/2", None),
    (FRACTION, "3/4/5", None),
    (FRACTION, "3/4^2", None),
    (FRACTION, "3/4x", None),
    (FRACTION, "0.5/2", None),
    (FRACTION, "3", None),
    (FRACTION, r"\frac{3}{4}", "3/4"),
    (FRACTION, r"-\dfrac{3}{4}", "-3/4"),
    (FRACTION, r"\tfrac { -3 } { 4 }", "-3/4"),
    (FRACTION, r"-\frac{-3}{4}", None),
    (FRACTION, r"\frac{3}{0}", None),
    (FRACTION, r"\frac{3}{x}", None),
    (FRACTION, r"$\frac{3}{4}$", "3/4"),
    (FRACTION, r"$ -3/4 $", "-3/4"),
    (FRACTION, r"\(\frac{3}{4}\)", "3/4"),
    (FRACTION, r"\(\frac{3}{4}$", None),
    (FRACTION, r"$\frac{3}{4}", None),
    (FRACTION, r"\sqrt{3}{4}", None),
    (FRACTION, "½", "1/2"),
    (FRACTION, "1½", None),
    (FRACTION, "½cup", None),
    (COMPLEX, "-8.0-2.0i", "-8.0-2.0i"),
    (COMPLEX, "-8.0 - 2.0i", "-8.0-2.0i"),
    (COMPLEX, "(-8.0 - 2.0i)", "-8.0-2.0i"),
    (COMPLEX, "( 3+4i )", "3+4i"),
    (COMPLEX, "(3+4i", None),
    (COMPLEX, "3 + i", "3+1i"),
    (COMPLEX, "i", "0+1i"),
    (COMPLEX, "-i", "0-1i"),
    (COMPLEX, "-2.5i", "0-2.5i"),
    (COMPLEX, "5", "5+0i"),
    (COMPLEX, "(-0 - 0i)", "0+0i"),
    (COMPLEX, ".5+.5i", "0.5+0.5i"),
    (COMPLEX, "3 -4i", None),
    (COMPLEX, "3 + 4i * 2", None),
    (COMPLEX, "3 + 4 i", None),
    (COMPLEX, "3+4j", None),
    (COMPLEX, "1.234+2i", None),
    (COMPLEX, "1.234+0.5i", "1.234+0.5i"),
    (MATRIX, "1 2\n3 4", SQUARE),
    (MATRIX, "1 2  \r\n  3 4", SQUARE),
    (MATRIX, "1, 2\n3, 4", SQUARE),
    (MATRIX, "1,2\n3,4", None),
    (MATRIX, "1,2,3\n4,5,6", '[["1","2","3"],["4","5","6"]]'),
    (MATRIX, "[[1, 2], [3, 4]]", SQUARE),
    (MATRIX, "[[1,2],[3,4]]", SQUARE),
    (MATRIX, "[[1 2]\n [3 4]]", SQUARE),
    (MATRIX, "[[1, 2]\n[3, x]]", None),
    (MATRIX, "[[1, 2], [3]]", None),
    (MATRIX, "[[1, 2, 3 4]]", None),
    (MATRIX, "[[]]", None),
    (MATRIX, "[[-.5]]", '[["-0.5"]]'),
    (MATRIX, "1 2 3", None),
    (MATRIX, "1\n2\n3", None),
    (MATRIX, "1 2\n3", None),
    (MATRIX, "1 2\n3 4 5", None),
    (MATRIX, "1 2\n3 4x", None),
    (MATRIX, "1 2\n\n3 4", None),
    (MATRIX, "1.234 2\n3 4", None),
    (MATRIX, "1.234 0.5\n3 4", '[["1.234","0.5"],["3","4"]]'),
    (ARITHMETIC, "3*(4+5)", "3 * (4 + 5)"),
    (ARITHMETIC, "-(.5 − 7)^2", "-(0.5 - 7) ^ 2"),
    (ARITHMETIC, "(42)", "(42)"),
    (ARITHMETIC, "3 * x", None),
    (ARITHMETIC, "2i", None),
    (ARITHMETIC, "(i) - (i)", None),
    (EXPRESSION, "3*(4+5)", "3 * (4 + 5)"),
    (EXPRESSION, "-x^2 + 2x", "-x ^ 2 + 2x"),
    (EXPRESSION, "6 × 7 ÷ 2 − 1", "6 * 7 / 2 - 1"),
    (EXPRESSION, "5 - -3", "5 - -3"),
    (EXPRESSION, "5 - --3", None),
    (EXPRESSION, "5 - - 3", None),
    (EXPRESSION, "42", "42"),
    (EXPRESSION, "(42)", "(42)"),
    (EXPRESSION, "x", None),
    (EXPRESSION, "(x)", None),
    (EXPRESSION, "-x", "-x"),
    (EXPRESSION, ".5 + 1", "0.5 + 1"),
    (EXPRESSION, "3 +", None),
    (EXPRESSION, "(3 + 4", None),
    (EXPRESSION, "()", None),
    (EXPRESSION, "3 + 4)", None),
    (EXPRESSION, "3 4", None),
    (EXPRESSION, "3 x 4", None),
    (EXPRESSION, "2(x+1)", None),
    (EXPRESSION, "x(y+1)", None),
    (EXPRESSION, "2xy", None),
    (EXPRESSION, "2x3", None),
    (EXPRESSION, "sin(x)", None),
    (EXPRESSION, "2**3", None),
    (EXPRESSION, "5!", None),
    (EXPRESSION, "5%", None),
    (EXPRESSION, "x + y'", None),
    (EXPRESSION, "1,000 + 5", None),
    (EXPRESSION, "1.234 * 2", None),
    (EXPRESSION, "1.234 * 0.5", "1.234 * 0.5"),
    (EXPRESSION, "007 + 1", None),
    (EQUATION, "2x+3=7", "2x + 3 = 7"),
    (EQUATION, "x = y", "x = y"),
    (EQUATION, "2 + 3 = 5", None),
    (EQUATION, "x == 3", None),
    (EQUATION, "x <= 3", None),
    (EQUATION, "x = 3 = y", None),
    (EQUATION, "x + 1", None),
    (EQUATION, "x =", None),
    (EQUATION, "x = 1,000", None),
    (EQUATION, "x = 1.234", None),
]


@pytest.mark.parametrize(("kind", "text", "canonical"), READ)
def test_reads(kind: ValueType, text: str, canonical: str | None) -> None:
    assert kind.readings(text) == (() if canonical is None else (canonical,))
    check_junk(kind, text)


@pytest.mark.parametrize(
    ("kind", "text", "token", "readings"),
    [
        (FRACTION, "1/3/4", 2, set()),
        (FRACTION, "x-3/4", 1, set()),
        (FRACTION, "3/4, please", 0, {(3, "3/4")}),
        (COMPLEX, "5-3i", 0, {(4, "5-3i"), (1, "5+0i")}),
        (COMPLEX, "5-3i", 1, set()),
        (COMPLEX, "2 * 5+3i", 2, {(3, "5+0i")}),
        (COMPLEX, "2 * (5+3i)", 2, {(8, "5+3i")}),
        (MATRIX, "1 2\n3 4\nis it", 0, {(4, SQUARE)}),
        (MATRIX, "1 2\n3 4.", 0, {(4, SQUARE)}),
        (EXPRESSION, "3 + 5 - 2", 2, set()),
        (EXPRESSION, "3 + 5?", 0, {(3, "3 + 5")}),
        (EXPRESSION, "3 + 5 = ?", 0, {(3, "3 + 5")}),
        (EXPRESSION, "3 + 5 -", 0, set()),
        (EXPRESSION, "(3 + 4) * (5", 0, set()),
        (EXPRESSION, "'3 + y'", 1, {(4, "3 + y")}),
        (EXPRESSION, "3 + 4 apples", 0, {(3, "3 + 4")}),
        (EXPRESSION, "1-2", 1, set()),
        (EQUATION, "a = x + 1", 2, set()),
        (EQUATION, "2x = 4, y = 1", 0, {(4, "2x = 4")}),
    ],
)
def test_reads_in_its_surroundings(kind: ValueType, text: str, token: int, readings: set[tuple[int, str]]) -> None:
    assert set(kind.scan(Text(text), token)) == readings


def test_longest_number() -> None:
    long = "1" * MAX_DIGITS
    assert FRACTION.readings(f"{long}/2") == EXPRESSION.readings(f"{long} + 1") == COMPLEX.readings(f"{long}i") == ()


def test_regions_that_write_a_decimal_comma_have_no_decimal_point() -> None:
    assert EXPRESSION.readings("0.5 + 1", "DE") == ()
    assert EXPRESSION.readings("1.234 + 1", "US") == ("1.234 + 1",)
    assert MATRIX.readings("1,2,3\n4,5,6", "DE") == ('[["1","2","3"],["4","5","6"]]',)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_samples(kind: ValueType) -> None:
    check_samples(kind)
    for sample in islice(kind.samples(random.Random(4)), 200):
        check_junk(kind, sample.text)
        assert accepts(kind.shape(), sample.text)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_documented_texts(kind: ValueType) -> None:
    assert all(len(kind.readings(text)) == 1 for text in kind.accepts)
    assert all(len(kind.readings(text)) != 1 for text in kind.rejects)


PIECES = st.sampled_from(
    [*"0123xyi+-*/^()=.,[]{}$\\ \n'\u2212\u00d7\u00bd\u2044", "frac", r"\frac{", "}{", "[[", "]]", " + ", "2x", "1.5"]
)


@given(st.lists(PIECES, max_size=16).map("".join) | st.text(max_size=20), st.sampled_from([None, "US", "DE"]))
def test_junk(text: str, region: str | None) -> None:
    for kind in KINDS:
        check_junk(kind, text, region)


def _operations() -> st.SearchStrategy[str]:
    leaves = st.integers(0, 999).map(str) | st.sampled_from(["x", "2x", "0.5", "y"])
    grown = st.recursive(
        leaves,
        lambda inner: st.tuples(inner, st.sampled_from("+-*/^"), inner).map(lambda parts: f"({' '.join(parts)})"),
        max_leaves=8,
    )
    return st.tuples(grown, st.sampled_from("+-*/^"), grown).map(" ".join)


@given(_operations())
def test_expressions_keep_every_part(canonical: str) -> None:
    assert EXPRESSION.readings(canonical, "US") == (canonical,)
    assert EXPRESSION.readings(canonical.replace(" ", ""), "US") == (canonical,)


@pytest.mark.parametrize(
    ("kind", "canonical"),
    [
        (FRACTION, "3"),
        (FRACTION, "3/0"),
        (FRACTION, "-0/3"),
        (FRACTION, "3 / 4"),
        (COMPLEX, "3"),
        (COMPLEX, "3+i"),
        (COMPLEX, "3-0i"),
        (COMPLEX, "-0+1i"),
        (COMPLEX, "1..2+3i"),
        (MATRIX, "1 2"),
        (MATRIX, "[]"),
        (MATRIX, "[[]]"),
        (MATRIX, "[[1,2]]"),
        (MATRIX, '[["1"],["2","3"]]'),
        (MATRIX, '[["1", "2"]]'),
        (MATRIX, '[["01"]]'),
        (EXPRESSION, "3+4"),
        (EXPRESSION, "x"),
        (EQUATION, "x=1"),
        (EQUATION, "1 = 1"),
    ],
)
def test_refuses_canonical_texts(kind: ValueType, canonical: str) -> None:
    with pytest.raises(ValueProblem):
        kind.check(canonical)


@pytest.mark.parametrize(
    ("kind", "tagged"),
    [
        (FRACTION, {"$fraction": "1/0"}),
        (FRACTION, {"$fraction": 1}),
        (FRACTION, {"$decimal": "0.5"}),
        (FRACTION, True),
        (COMPLEX, 5),
        (COMPLEX, {"$complex": [1]}),
        (COMPLEX, {"$complex": [1, "2"]}),
        (MATRIX, [1, 2]),
        (MATRIX, []),
        (MATRIX, [[1], [2, 3]]),
        (MATRIX, [["1"]]),
        (EXPRESSION, 5),
        (EXPRESSION, "3 +"),
        (EQUATION, "1 = 1"),
    ],
)
def test_refuses_answers(kind: ValueType, tagged: object) -> None:
    with pytest.raises(ValueProblem):
        kind.from_tagged(tagged)


def test_answers() -> None:
    assert FRACTION.from_tagged(5) == "5/1"
    assert COMPLEX.from_tagged({"$complex": [1, {"$decimal": "-0.50"}]}) == "1-0.50i"
    assert MATRIX.from_tagged([[1, {"$decimal": "2.0"}]]) == '[["1","2.0"]]'
    assert MATRIX.to_tagged('[["1","2.0"]]') == [[1, {"$decimal": "2.0"}]]
    assert EXPRESSION.from_tagged("3*x") == "3 * x"


def test_order_and_equality() -> None:
    assert FRACTION.equal("1/2", "2/4")
    assert FRACTION.within("1/2", "1/3", "2/3")
    assert not FRACTION.within("1/2", None, "1/3")
    assert COMPLEX.equal("1.0+2i", "1+2.00i")
    assert not COMPLEX.equal("1+2i", "1-2i")
    assert MATRIX.equal('[["1.0"]]', '[["1"]]')
    assert not MATRIX.equal('[["1"]]', '[["1"],["1"]]')
    with pytest.raises(ValueProblem):
        COMPLEX.within("1+2i", "0+0i", None)
