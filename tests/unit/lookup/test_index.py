from __future__ import annotations

import gc
import random
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam.lookup import Hit, Index, Miss, MissReason, trie
from seglam.lookup.bulk import adding_many
from seglam.procedures import Attachment, Request, Revision, TextError
from seglam.procedures.text import MAX_BYTES
from tests.documents import capital, revision


def index(*revisions: Revision) -> Index:
    made = Index()
    for each in revisions:
        made.add(each)
    return made


def find(made: Index, text: str, **context: str) -> Hit | Miss:
    return made.find(Request(text=text, context=context))


def arguments(result: Hit | Miss) -> dict[str, str]:
    assert isinstance(result, Hit), result
    return dict(result.binding.arguments)


def reason(result: Hit | Miss) -> MissReason:
    assert isinstance(result, Miss), result
    return result.reason


TIMES = revision(
    "times",
    patterns=["[what is] {a} (times|x|\\*|multiplied by) {b}", "multiply {a} by {b}"],
    parameters=[{"name": "a", "type": "integer"}, {"name": "b", "type": "integer"}],
    code="def solve(a, b):\n    return str(a * b)\n",
)


@pytest.mark.parametrize(
    "text",
    [
        "What is the capital of Korea?",
        "what's the capital city of the Republic of Korea",
        "WHAT IS  THE\ncapital of   South Korea.",
        "Korea's capital",
        "Korea\u2019s capital?",
        "cual es la capital de ROK",
    ],
)
def test_other_names_and_wordings_bind_one_argument(text: str) -> None:
    assert arguments(find(index(capital()), text)) == {"country": "South Korea"}


@pytest.mark.parametrize(
    "text",
    [
        "What is the capital gain of Korea?",
        "What is the capital of Korea and of France?",
        "What is the capital of Korea!",
        "What is the capital of Korea??",
        "What was the capital of Korea?",
        "the capital of Korea",
        "capital",
        "",
        "?",
        "What is the c\u0430pital of Korea?",  # a Cyrillic letter
        "What is the capital of Korea\u200b?",  # an invisible character
    ],
)
def test_a_word_or_mark_that_no_pattern_explains_is_a_miss(text: str) -> None:
    assert reason(find(index(capital()), text)) is MissReason.UNKNOWN


def test_an_open_noun_outside_its_vocabulary_is_rejected_and_named() -> None:
    result = find(index(capital()), "What is the capital of Atlantis?")
    assert reason(result) is MissReason.VALUE_REJECTED
    assert "'Atlantis' is no value of {country}" in result.explanation


def test_values_are_arguments_and_never_part_of_the_key() -> None:
    made = index(TIMES)
    assert arguments(find(made, "What is 12 times 7?")) == {"a": "12", "b": "7"}
    assert arguments(find(made, "What is 12 times 8?")) == {"a": "12", "b": "8"}
    assert arguments(find(made, "multiply -3 by 4")) == {"a": "-3", "b": "4"}


@pytest.mark.parametrize(
    "text", ["12 plus 7", "5 times 3!", "12 times 7 times 2", "12 times", "12 times 3.5", "12 times 1,234"]
)
def test_other_operations_factorials_and_uncertain_numbers_miss(text: str) -> None:
    assert isinstance(find(index(TIMES), text), Miss)


COMMAS = revision(
    "commas",
    patterns=["multiply {a}[,] by {b}[,|;] [.] [(quickly|please)]"],
    parameters=[{"name": "a", "type": "integer"}, {"name": "b", "type": "integer"}],
    code="def solve(a, b):\n    return str(a * b)\n",
)
QUOTING = revision(
    "quoting",
    patterns=["quote {words}[,]"],
    parameters=[{"name": "words", "type": "quoted"}],
    code="def solve(words):\n    return words\n",
)


@pytest.mark.parametrize(
    ("text", "hit"),
    [
        ("multiply 3, by 4", True),
        ("multiply 3 by 4, please", True),
        ("multiply 3 by 4,", False),  # more was to come
        ("multiply 79 by 10,209,.", False),  # a number that was cut
        ("multiply 3 by 4;?", False),
        ("multiply 3 by 4,.", False),
        ("multiply 3 by 4. please", True),
        ('quote "a,"', True),  # the value's own
        ('quote "a,".', True),
        ('quote "a",', False),
    ],
)
def test_no_sentence_ends_in_a_comma_of_its_own(text: str, hit: bool) -> None:
    assert isinstance(find(index(COMMAS, QUOTING), text), Hit) is hit


def test_two_revisions_that_match_are_ambiguous_and_both_are_named() -> None:
    other = revision(
        "product",
        patterns=["{a} times {b}"],
        parameters=[{"name": "a", "type": "integer"}, {"name": "b", "type": "integer"}],
    )
    result = find(index(TIMES, other), "12 times 7")
    assert isinstance(result, Miss)
    assert result.reason is MissReason.AMBIGUOUS
    assert {binding.revision.name for binding in result.bindings} == {"times", "product"}
    assert "times(a=12, b=7)" in result.explanation and "product(a=12, b=7)" in result.explanation


def test_two_patterns_of_one_revision_that_bind_alike_are_one_hit() -> None:
    twice = revision(patterns=["double {n}", "[please] double {n}"])
    assert arguments(find(index(twice), "double 4")) == {"n": "4"}


def test_readings_of_one_pattern_that_differ_are_ambiguous() -> None:
    made = index(revision("sum", patterns=["add {xs}"], parameters=[{"name": "xs", "type": "list[integer]"}]))
    assert reason(find(made, "add 100,200, 300,400")) is MissReason.AMBIGUOUS


def test_a_region_from_the_context_decides_number_formats() -> None:
    made = index(revision("half", patterns=["half of {n}"], parameters=[{"name": "n", "type": "decimal"}]))
    assert reason(find(made, "half of 1.234")) is MissReason.AMBIGUOUS
    assert arguments(find(made, "half of 1.234", locale="en-US")) == {"n": "1.234"}
    assert arguments(find(made, "half of 1.234", locale="de-DE")) == {"n": "1234"}


def test_a_sentence_of_another_language_than_the_locale_leaves_its_numbers_open() -> None:
    patterns = [{"text": "half of {n}"}, {"text": "die hälfte von {n}", "language": "de"}]
    half = revision("half", match={"patterns": patterns}, parameters=[{"name": "n", "type": "decimal"}])
    made = index(half)
    for _ in range(2):  # what is kept of exact requests does not mix locales
        assert arguments(find(made, "die Hälfte von 1.234", locale="de-DE")) == {"n": "1234"}
        assert reason(find(made, "die Hälfte von 1.234", locale="en-US")) is MissReason.VALUE_REJECTED
        assert arguments(find(made, "die Hälfte von 2.5", locale="en-US")) == {"n": "2.5"}
        assert arguments(find(made, "half of 1.234", locale="en-US")) == {"n": "1.234"}
    kept = index(revision("half", match={"patterns": patterns}, parameters=[{"name": "n", "type": "decimal"}]))
    assert arguments(find(kept, "die Hälfte von 1.234", locale="de-US")) == {"n": "1.234"}
    assert reason(find(kept, "die Hälfte von 1.234", locale="en-US")) is MissReason.VALUE_REJECTED


def test_a_parameter_named_twice_binds_equal_values_only() -> None:
    same = revision("same", patterns=["is {n} the same as {n}"])
    assert arguments(find(index(same), "is 4 the same as 4")) == {"n": "4"}
    assert reason(find(index(same), "is 4 the same as 5")) is MissReason.GUARD


@pytest.mark.parametrize(
    ("text", "hit"), [("double 1", True), ("double 9", True), ("double 0", False), ("double 10", False)]
)
def test_bounds_guard_values(text: str, hit: bool) -> None:
    bounded = revision(parameters=[{"name": "n", "type": "integer", "minimum": "1", "maximum": "9"}])
    result = find(index(bounded), text)
    assert isinstance(result, Hit) if hit else reason(result) is MissReason.GUARD


def test_listed_values_guard() -> None:
    listed = revision(parameters=[{"name": "n", "type": "integer", "oneOf": ["2", "4"]}])
    assert arguments(find(index(listed), "double 4")) == {"n": "4"}
    result = find(index(listed), "double 3")
    assert reason(result) is MissReason.GUARD
    assert "none of 2, 4" in result.explanation


def test_the_source_of_a_value_is_an_argument_where_a_parameter_asks() -> None:
    kept = revision(
        "fraction", patterns=["simplify {f}"], parameters=[{"name": "f", "type": "fraction", "sourceAs": "f_text"}]
    )
    assert arguments(find(index(kept), "simplify $6/4$")) == {"f": "6/4", "f_text": "$6/4$"}


CSV = Attachment("text/csv", "city,people\nSeoul,9\nParis,2\n")
TOTAL = revision(
    "total",
    patterns=["total of {column}"],
    parameters=[
        {"name": "column", "type": "column"},
        {"name": "data", "type": "table", "origin": "input", "key": "text/csv"},
    ],
)


def test_inputs_are_bound_and_columns_take_the_tables_names() -> None:
    bound = arguments(index(TOTAL).find(Request(text="total of People", inputs={"a.csv": CSV})))
    assert bound["column"] == "people"
    assert bound["data"] == '{"columns":["city","people"],"rows":[["Seoul","9"],["Paris","2"]]}'


@pytest.mark.parametrize(
    ("text", "inputs", "because", "words"),
    [
        ("total of people", {}, MissReason.GUARD, "the request has 0"),
        ("total of people", {"a": CSV, "b": CSV}, MissReason.GUARD, "the request has 2"),
        ("total of people", {"a": CSV, "b": Attachment("text/plain", "x")}, MissReason.GUARD, "attaches 2 inputs"),
        ("total of cows", {"a": CSV}, MissReason.VALUE_REJECTED, "the table has city, people"),
        ("total of people", {"a": Attachment("text/csv", "a,b\n1\n")}, MissReason.VALUE_REJECTED, "input a"),
    ],
)
def test_inputs_that_do_not_fit_are_misses_that_say_why(
    text: str, inputs: dict[str, Attachment], because: MissReason, words: str
) -> None:
    result = index(TOTAL).find(Request(text=text, inputs=inputs))
    assert reason(result) is because
    assert words in result.explanation


NAMED = revision(
    "rows",
    patterns=["count the rows of (the attached table|{data})", "{data}: count the rows; rows of {data}"],
    parameters=[{"name": "data", "type": "table", "origin": "input", "key": "text/csv"}],
)


@pytest.mark.parametrize(
    "text",
    [
        "Count the rows of the attached table.",
        "Count the rows of city-people_2024.v2.csv.",
        "count the rows of City-People_2024.v2.CSV",
        "city-people_2024.v2.csv: count the rows; rows of city-people_2024.v2.csv",
    ],
)
def test_a_slot_of_an_input_reads_the_name_of_the_attached_file(text: str) -> None:
    result = index(NAMED).find(Request(text=text, inputs={"city-people_2024.v2.csv": CSV}))
    assert arguments(result) == {"data": '{"columns":["city","people"],"rows":[["Seoul","9"],["Paris","2"]]}'}


@pytest.mark.parametrize(
    ("text", "inputs", "because", "words"),
    [
        ("count the rows of b.csv", {"a.csv": CSV}, MissReason.VALUE_REJECTED, "speaks of b.csv, and a.csv is"),
        ("count the rows of a.csv", {}, MissReason.GUARD, "the request has 0"),
        ("count the rows of a.csv", {"a.csv": CSV, "b.csv": CSV}, MissReason.GUARD, "the request has 2"),
        ("a.csv: count the rows; rows of b.csv", {"a.csv": CSV}, MissReason.VALUE_REJECTED, "speaks of b.csv"),
        ("count the rows of old a.csv", {"a.csv": CSV}, MissReason.VALUE_REJECTED, "'old a.csv' is no value"),
        ("count the columns of a.csv", {"a.csv": CSV}, MissReason.UNKNOWN, ""),
        ("count the rows of a.csv.gz", {"a.csv": CSV}, MissReason.VALUE_REJECTED, "speaks of a.csv.gz"),
    ],
)
def test_a_request_that_speaks_of_another_file_misses(
    text: str, inputs: dict[str, Attachment], because: MissReason, words: str
) -> None:
    result = index(NAMED).find(Request(text=text, inputs=inputs))
    assert reason(result) is because
    assert words in result.explanation


def test_an_input_that_nothing_reads_is_a_miss() -> None:
    assert reason(index(TIMES).find(Request(text="12 times 7", inputs={"a.csv": CSV}))) is MissReason.GUARD


def test_nothing_is_implicit_the_context_is_a_parameter() -> None:
    today = revision(
        "days-until",
        patterns=["days until {day}"],
        parameters=[{"name": "day", "type": "date"}, {"name": "now", "type": "date", "origin": "context"}],
    )
    made = index(today)
    result = find(made, "days until 2030-01-02")
    assert reason(result) is MissReason.GUARD
    assert "'now'" in result.explanation
    assert arguments(find(made, "days until 2030-01-02", now="2030-01-01")) == {
        "day": "2030-01-02",
        "now": "2030-01-01",
    }
    assert reason(find(made, "days until 2030-01-02", now="soon")) is MissReason.VALUE_REJECTED


def test_texts_that_are_too_long_or_not_unicode_are_refused() -> None:
    made = index(TIMES)
    assert reason(find(made, "1" * (MAX_BYTES + 1))) is MissReason.TOO_LARGE
    assert reason(find(made, "\u20ac" * (MAX_BYTES // 3 + 1))) is MissReason.TOO_LARGE
    with pytest.raises(TextError, match="lone surrogate"):
        find(made, "12 times \ud800")


def test_a_text_with_too_many_readings_is_refused_not_searched_for_ever() -> None:
    bomb = revision(
        "bomb",
        patterns=['"{a}" {b} "{c}" {d} "{e}"'.replace("{b}", "and").replace("{d}", "or")],
        parameters=[{"name": name, "type": "text"} for name in "ace"],
    )
    text = " ".join(['"x" and', '"x" or'] * 400)
    assert reason(find(index(bomb), text)) in (MissReason.TOO_LARGE, MissReason.UNKNOWN)


def test_adding_twice_changes_nothing_and_removing_leaves_nothing() -> None:
    made = index(TIMES, TIMES)
    assert len(made) == 1 and TIMES.digest in made and list(made) == [TIMES]
    assert made.get(TIMES.digest) is TIMES
    made.remove(TIMES.digest)
    assert len(made) == 0 and TIMES.digest not in made
    assert isinstance(find(made, "12 times 7"), Miss)
    assert made._trie.size() <= 1
    with pytest.raises(KeyError):
        made.remove(TIMES.digest)


def test_the_memo_forgets_when_the_index_changes() -> None:
    made = index(TIMES)
    first = find(made, "12 times 7")
    assert find(made, "12 times 7") is first
    other = revision(
        "product",
        patterns=["{a} times {b}"],
        parameters=[{"name": "a", "type": "integer"}, {"name": "b", "type": "integer"}],
    )
    made.add(other)
    assert reason(find(made, "12 times 7")) is MissReason.AMBIGUOUS
    made.remove(other.digest)
    assert arguments(find(made, "12 times 7")) == {"a": "12", "b": "7"}


def test_replacing_puts_one_revision_in_the_place_of_another() -> None:
    made = index(TIMES)
    wider = revision(
        "times",
        patterns=["[what is] {a} (times|x|\\*|multiplied by) {b}", "the product of {a} and {b}"],
        parameters=[{"name": "a", "type": "integer"}, {"name": "b", "type": "integer"}],
    )
    made.replace(TIMES.digest, wider)
    assert list(made) == [wider]
    assert arguments(find(made, "the product of 2 and 3")) == {"a": "2", "b": "3"}
    made.replace(wider.digest, wider)
    assert list(made) == [wider]


WORDS = ["alpha", "beta", "gamma", "delta", "5", "7", "now"]
TEMPLATES = st.lists(
    st.lists(st.sampled_from([*WORDS[:4], "{n}", "[beta]", "(gamma|delta)", "[now {m}]"]), max_size=5).map(
        lambda parts: " ".join(["alpha", *parts])
    ),
    min_size=1,
    max_size=40,
    unique=True,
)


@given(
    TEMPLATES,
    st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=7).map(" ".join), max_size=30),
    st.randoms(),
)
def test_an_index_finds_what_each_pattern_alone_finds_whatever_was_added_and_removed(
    templates: list[str], texts: list[str], order: random.Random
) -> None:
    all_of_them = [
        revision(
            f"p{number}",
            patterns=[text],
            parameters=[{"name": name, "type": "integer"} for name in "nm" if f"{{{name}}}" in text],
            summary=f"Number {number}.",
        )
        for number, text in enumerate(templates)
    ]
    kept = [each for each in all_of_them if order.random() < 0.6]
    made = Index()
    order.shuffle(all_of_them)
    for each in all_of_them:
        made.add(each)
    for each in all_of_them:
        if each not in kept:
            made.remove(each.digest)
    alone = [index(each) for each in kept]
    for text in texts:
        matching = {each.digest for single in alone for each in single if _matches(single, text)}
        result = find(made, text)
        if isinstance(result, Hit):
            assert matching == {result.binding.revision.digest}
        elif result.reason is MissReason.AMBIGUOUS:
            assert matching == {binding.revision.digest for binding in result.bindings}
        else:
            assert not matching


def _matches(single: Index, text: str) -> bool:
    result = find(single, text)
    return isinstance(result, Hit) or result.reason is MissReason.AMBIGUOUS


LETTERS = tuple("abcdefghij")


def test_readers_never_see_a_wrong_hit_while_a_writer_works() -> None:
    made = index(TIMES)
    fillers = [
        revision(f"f{n}", patterns=[f"what is {{n}} {word} {n}" for word in ("plus", "minus")]) for n in range(60)
    ]
    wrong: list[object] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            result = find(made, "what is 12 times 7")
            if not isinstance(result, Hit) or result.binding.arguments != {"a": "12", "b": "7"}:
                wrong.append(result)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(5):
        for each in fillers:
            made.add(each)
        for each in fillers:
            made.remove(each.digest)
    stop.set()
    reader.join()
    assert not wrong


def test_of_patterns_that_are_equally_near_the_first_explains_a_miss() -> None:
    patterns = [f"is {{n}} {word} prime" for word in LETTERS]
    for _ in range(5):  # other addresses of the same patterns
        made = index(revision("p", patterns=patterns, parameters=({"name": "n", "type": "integer"},)))
        assert find(made, "is the moon prime").explanation.endswith(f"it needs {LETTERS[0]!r}")


def test_a_miss_is_explained_while_a_writer_changes_the_patterns_near_it() -> None:
    made = index(TIMES)
    others = [revision(f"f{n}", patterns=[f"what is {{n}} times {word} {n}" for word in LETTERS]) for n in range(30)]
    failures: list[BaseException] = []
    stop = threading.Event()

    def read() -> None:
        number = 0
        try:
            while not stop.is_set():
                number += 1
                assert isinstance(find(made, f"what is {number} times or over"), Miss)
        except BaseException as error:
            failures.append(error)
            raise

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    readers = [threading.Thread(target=read) for _ in range(2)]
    try:
        for reader in readers:
            reader.start()
        for _ in range(4):
            for each in others:
                made.add(each)
            for each in others:
                made.remove(each.digest)
    finally:
        stop.set()
        for reader in readers:
            reader.join()
        sys.setswitchinterval(before)
    assert not failures


def test_while_one_revision_replaces_another_a_request_finds_the_one_or_the_other() -> None:
    """Neither a moment without both nor one in which both match, which would be ambiguous."""
    versions = [revision(patterns=["double {n}", f"two times {{n}} v{number}"]) for number in range(8)]
    made = index(versions[0])
    known = {version.digest for version in versions}
    found: list[Hit | Miss] = []
    stop = threading.Event()

    def read() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            result = find(made, f"double {number}")  # a new number each time, so that no memo answers
            if not isinstance(result, Hit) or result.binding.revision.digest not in known:
                found.append(result)
                return

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    readers = [threading.Thread(target=read) for _ in range(2)]
    try:
        for reader in readers:
            reader.start()
        for number in range(400):
            made.replace(versions[number % 8].digest, versions[(number + 1) % 8])
    finally:
        stop.set()
        for reader in readers:
            reader.join()
        sys.setswitchinterval(before)
    assert found == []
    assert [each.digest for each in made] == [versions[0].digest]


@pytest.mark.parametrize(("kind", "rule", "text"), [("word", "to", "move to west"), ("integer", "by", "move by 3")])
def test_one_wording_with_other_types_and_rules_is_another_pattern(kind: str, rule: str, text: str) -> None:
    made = revision(
        "move",
        patterns=["move <how> {where}"],
        rules=[{"name": "how", "text": rule}],
        parameters=[{"name": "where", "type": kind}],
        code="def solve(where):\n    return str(where)\n",
    )
    assert arguments(find(index(made), text)) == {"where": text.split()[-1]}
    assert reason(find(index(made), text.replace(rule, "from"))) is MissReason.UNKNOWN


def test_patterns_that_share_many_sentence_forms_are_indexed_where_texts_go() -> None:
    many = " ".join(f"(a{at}|b{at})" for at in range(14))
    texts = [f"{many} count{number} {{n}}" for number in range(12)]
    code, parameters = "def solve(n):\n    return str(n)\n", [{"name": "n", "type": "integer"}]
    made = index(revision("counts", patterns=texts, parameters=parameters, code=code), TIMES)
    said = " ".join(f"{'ab'[at % 2]}{at}" for at in range(14))
    for number in range(12):
        assert arguments(find(made, f"{said} count{number} 5")) == {"n": "5"}
    assert reason(find(made, f"{said} count12 5")) is MissReason.UNKNOWN
    assert arguments(find(made, "multiply 6 by 7")) == {"a": "6", "b": "7"}
    assert made._trie.size() < 60  # of 2 ** 14 forms for each of them
    other = " ".join(f"{'ba'[at % 2]}{at}" for at in range(14))
    size = made._trie.size()
    assert arguments(find(made, f"{other} count3 5")) == {"n": "5"}
    assert made._trie.size() == size  # other words that lead to the same patterns lead to the same nodes
    made.remove(next(each.digest for each in made if each.name == "counts"))
    assert reason(find(made, f"{said} count3 5")) is MissReason.UNKNOWN


def test_nodes_are_made_anew_when_they_hold_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trie, "MAX_HELD", 40)
    code, parameters = "def solve(n):\n    return str(n)\n", [{"name": "n", "type": "integer"}]
    made = index(
        *(
            revision(
                f"count{at}", patterns=[f"(please|kindly) count (a|b|c) {at} {{n}}"], parameters=parameters, code=code
            )
            for at in range(12)
        )
    )
    for _ in range(2):
        for at in range(12):
            for polite in ("please", "kindly", "never"):
                found = find(made, f"{polite} count {'abc'[at % 3]} {at} {at + 40}")
                assert isinstance(found, Miss) if polite == "never" else arguments(found) == {"n": str(at + 40)}
            assert made._trie.size() < 40


def test_what_would_take_long_at_first_is_no_quick_hit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seglam.lookup.index.QUICK_GROWTH", 60)
    code, parameters = "def solve(n):\n    return str(n)\n", [{"name": "n", "type": "integer"}]
    texts = [f"count {at} {{n}}" for at in range(40)]
    made = index(revision("counts", patterns=texts, parameters=parameters, code=code))
    assert made.hit(Request(text="count 7 5")) is None
    assert isinstance(made.find(Request(text="count 7 5")), Hit)
    assert isinstance(made.hit(Request(text="count 7 6")), Hit)


def test_while_many_are_added_no_garbage_is_collected() -> None:
    assert gc.isenabled()
    with pytest.raises(KeyError), adding_many():
        assert not gc.isenabled()
        raise KeyError
    assert gc.isenabled()
