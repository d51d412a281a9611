from __future__ import annotations

import pytest

from seglam.procedures.document import Match, Parameter, Returns, Spec, Vocabulary, VocabularyValue
from seglam.procedures.values import NAMES, ValueProblem, type_of_parameter, type_of_returns, value_type
from seglam.procedures.values.registry import describe

COLOURS = Vocabulary(name="colour", values=[VocabularyValue(value="red"), VocabularyValue(value="green")])
SPEC = Spec(summary="s", vocabularies=[COLOURS], returns=Returns(type="integer"), match=Match(), code="pass")
NEEDS_VOCABULARY = {"vocabulary", "records"}


@pytest.mark.parametrize("name", [name for name in NAMES if name != "list[T]"])
def test_every_name_makes_the_type_of_that_name(name: str) -> None:
    vocabulary = COLOURS if name in NEEDS_VOCABULARY else None
    kind = value_type(name, vocabulary=vocabulary)
    assert kind.name == name
    assert kind.key


def test_types_are_made_once() -> None:
    assert value_type("integer") is value_type("integer")
    assert value_type("list[integer]") is value_type("list[integer]")
    assert value_type("quantity", units=["km"]) is value_type("quantity", units=["km"])


def test_lists() -> None:
    assert value_type("list[integer]").name == "list[integer]"
    assert value_type("list[vocabulary]", vocabulary=COLOURS).readings("red, green") == ('["red","green"]',)
    assert value_type("list[quantity]", units=["km"]).readings("1 km, 2 km") == ('["1 km","2 km"]',)


def test_keys_tell_types_apart() -> None:
    other = Vocabulary(name="colour", values=[VocabularyValue(value="blue")])
    keys = [
        value_type(name, vocabulary=vocabulary).key
        for name in ("vocabulary", "list[vocabulary]", "records")
        for vocabulary in (COLOURS, other)
    ]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("name", "vocabulary", "units", "message"),
    [
        ("float", None, None, "known are integer, "),
        ("list[float]", None, None, "unknown value type"),
        ("list[T]", None, None, "unknown value type"),
        ("list[list[integer]]", None, None, "unknown value type"),
        ("list[text]", None, None, "no lists of text"),
        ("list[records]", COLOURS, None, "no lists of records"),
        ("vocabulary", None, None, "needs a vocabulary"),
        ("records", None, None, "needs a vocabulary"),
        ("list[vocabulary]", None, None, "needs a vocabulary"),
        ("integer", COLOURS, None, "takes no vocabulary"),
        ("integer", None, ["km"], "takes no units"),
        ("quantity", None, ["kilometers"], "'km'"),
        ("quantity", None, [], "no unit"),
    ],
)
def test_refuses(name: str, vocabulary: Vocabulary | None, units: list[str] | None, message: str) -> None:
    with pytest.raises(ValueProblem, match=message):
        value_type(name, vocabulary=vocabulary, units=units)


def test_parameters_and_returns_find_their_vocabulary() -> None:
    parameter = Parameter(name="c", type="vocabulary", vocabulary="colour")
    assert type_of_parameter(parameter, SPEC).readings("RED") == ("red",)
    assert type_of_parameter(Parameter(name="d", type="quantity", units=["km"]), SPEC).readings("5 m") == ()
    assert type_of_returns(Returns(type="vocabulary", vocabulary="colour"), SPEC).readings("green") == ("green",)


def test_problems_name_the_parameter() -> None:
    with pytest.raises(ValueProblem, match="parameter c: unknown vocabulary 'shape'; the procedure has colour"):
        type_of_parameter(Parameter(name="c", type="vocabulary", vocabulary="shape"), SPEC)
    with pytest.raises(ValueProblem, match="returns: unknown value type"):
        type_of_returns(Returns(type="float"), SPEC)


def test_every_type_is_described() -> None:
    assert [description.name for description in describe()] == list(NAMES)
    assert all(
        description.summary.endswith(".") and description.accepts and description.python for description in describe()
    )
