from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam.procedures.document import Vocabulary, VocabularyValue
from seglam.procedures.text import Text
from seglam.procedures.values.base import ValueProblem
from seglam.procedures.values.vocabulary import VocabularyType
from tests.unit.procedures.values.acceptor import accepts
from tests.unit.procedures.values.properties import check_junk, check_samples


def make(**members: list[str] | None) -> VocabularyType:
    values = [VocabularyValue(value=value.replace("_", " "), names=names) for value, names in members.items()]
    return VocabularyType(Vocabulary(name="country", values=values))


COUNTRIES = make(
    South_Korea=["Korea", "the Republic of Korea", "R.O.K."],
    Guinea=None,
    Guinea_Bissau=["Guinea-Bissau"],
    Ελλάδα=["Greece", "Grèce"],
)


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        ("South Korea", ("South Korea",)),
        ("south  KOREA", ("South Korea",)),
        ("korea", ("South Korea",)),
        ("The Republic of\nKorea", ("South Korea",)),
        ("r.o.k.", ("South Korea",)),
        ("the Korea", ()),
        ("Koreas", ()),
        ("North Korea", ()),
        ("Guinea Bissau", ("Guinea Bissau",)),
        ("Guinea-Bissau", ("Guinea Bissau",)),
        ("Guinea", ("Guinea",)),
        ("ΕΛΛΆΔΑ", ("Ελλάδα",)),
        ("GRE\u0300CE", ("Ελλάδα",)),
        ("", ()),
    ],
)
def test_reads_values_and_names(text: str, readings: tuple[str, ...]) -> None:
    assert COUNTRIES.readings(text) == readings


def test_no_letter_or_digit_touches_a_name() -> None:
    for text in ("7korea", "korea7", "guinea2bissau"):
        assert not any(COUNTRIES.scan(Text(text), at) for at in range(len(Text(text))))
    units = make(percent=["%"], dollar=["$"], degree=["\u00b0C"])
    assert units.scan(Text("5%"), 1) == [(2, "percent")]
    assert units.scan(Text("$5"), 0) == [(1, "dollar")]
    assert units.scan(Text("5\u00b0C7"), 1) == []


def test_each_of_nested_names_is_a_reading() -> None:
    assert list(COUNTRIES.scan(Text("from Guinea Bissau to Guinea"), 1)) == [(2, "Guinea"), (3, "Guinea Bissau")]
    assert list(COUNTRIES.scan(Text("from Guinea Bissau to Guinea"), 4)) == [(5, "Guinea")]
    assert list(COUNTRIES.scan(Text("the Republic"), 0)) == []


def test_a_name_of_two_members_is_refused_with_both() -> None:
    with pytest.raises(ValueProblem, match="vocabulary country: 'KOREA' stands for 'South' and for 'North'"):
        make(South=["Korea"], North=["KOREA"])
    with pytest.raises(ValueProblem, match="'polish' stands for 'Polish' and for 'polish'"):
        make(Polish=None, polish=None)
    with pytest.raises(ValueProblem, match="'a' stands for 'a' and for 'a'"):
        VocabularyType(Vocabulary(name="x", values=[VocabularyValue(value="a"), VocabularyValue(value="a")]))


def test_a_member_may_repeat_its_own_name() -> None:
    assert make(Korea=["korea", "Korea"]).readings("KOREA") == ("Korea",)


def test_a_blank_name_is_refused() -> None:
    with pytest.raises(ValueProblem, match="'Korea' has a blank name"):
        make(Korea=[" \t"])


def test_the_key_tells_contents_apart() -> None:
    one, same, other = make(A=["x"]), make(A=["x"]), make(A=["y"])
    assert one.key == same.key != other.key
    assert one.key.startswith("vocabulary:")
    assert one.name == "vocabulary"
    assert make(A=["x"], B=None).key != make(A=["x", "B"]).key


def test_checks_canonical_texts_and_answers() -> None:
    assert COUNTRIES.to_tagged("Guinea") == "Guinea"
    for wrong in ("Korea", "guinea", ""):
        with pytest.raises(ValueProblem, match="is no value of the vocabulary country"):
            COUNTRIES.check(wrong)
        with pytest.raises(ValueProblem):
            COUNTRIES.from_tagged(wrong)
    with pytest.raises(ValueProblem, match="expected a string"):
        COUNTRIES.from_tagged(["Guinea"])


def test_the_shape_is_exact() -> None:
    assert COUNTRIES.exact
    for text in ("korea", "Guinea", "Guinea - Bissau", "the republic of korea"):
        assert accepts(COUNTRIES.shape(), text)
    for text in ("the korea", "bissau", "guinea bissau guinea", "the republic of"):
        assert not accepts(COUNTRIES.shape(), text)
    assert accepts(make(Two_words=None).shape(), "two words")


def test_samples() -> None:
    check_samples(COUNTRIES)
    check_samples(make(C=["C++", " c "]))


PIECES = st.sampled_from([*"the Republic of Korea South Guinea Bissau - . R O K ελλάδα Greece x".split(), "\n"])


@given(st.lists(PIECES, max_size=8).map(" ".join) | st.text(max_size=10))
def test_readings_are_sound(written: str) -> None:
    check_junk(COUNTRIES, written)


@given(
    st.lists(
        st.lists(st.sampled_from("a b c d".split()), min_size=1, max_size=3).map(" ".join),
        min_size=2,
        max_size=8,
        unique=True,
    ),
    st.lists(st.sampled_from("a b c d".split()), min_size=1, max_size=6),
)
def test_finds_the_names_that_a_search_finds(names: list[str], words: list[str]) -> None:
    kind = VocabularyType(Vocabulary(name="x", values=[VocabularyValue(value=name) for name in names]))
    expected = [(n, " ".join(words[:n])) for n in range(1, len(words) + 1) if " ".join(words[:n]) in names]
    assert list(kind.scan(Text(" ".join(words)), 0)) == expected
