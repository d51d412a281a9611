"""The shapes of replies: lenient about what models forget, strict about what decides."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from seglam.compiler.replies import AliasReply, AuthorReply, ImplementationReply
from tests.compilations import SUM_PROCEDURE, procedure


def test_whole_numbers_become_strings() -> None:
    reply = AuthorReply.model_validate(procedure(answer=7, returns={"type": "integer", "minimum": -3}))
    assert reply.procedure is not None
    assert reply.procedure.answer == "7" and reply.procedure.returns.minimum == "-3"
    assert reply.procedure.examples[0].arguments["b"] == "30"


def test_an_integer_of_any_size_is_exact() -> None:
    text = '{"code": "x", "cases": [{"arguments": {"a": 123456789012345678901234567890}, "answer": 1}]}'
    assert ImplementationReply.model_validate_json(text).cases[0].arguments["a"] == "123456789012345678901234567890"


@pytest.mark.parametrize(
    "reply",
    [
        {"decision": "procedure"},
        {"decision": "extend", "procedure": SUM_PROCEDURE},
        {"decision": "procedure", "procedure": SUM_PROCEDURE, "extend": {"procedure": "x", "patterns": ["y"]}},
        {"decision": "maybe"},
        {"decision": "extend", "extend": {"procedure": "sum-of-two"}},
        {"decision": "procedure", "procedure": {**SUM_PROCEDURE, "patterns": []}},
        {"decision": "procedure", "procedure": {**SUM_PROCEDURE, "name": "Sum of two"}},
        {"decision": "procedure", "procedure": {**SUM_PROCEDURE, "verified": "yes"}},
        {"decision": "procedure", "procedure": {**SUM_PROCEDURE, "answer": 1.5}},
    ],
)
def test_what_is_no_decision_is_refused(reply: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AuthorReply.model_validate(reply)


def test_another_wording_may_be_another_name_of_a_value() -> None:
    names = [{"name": "operation", "values": [{"value": "sum", "names": ["adding up"]}]}]
    made = AliasReply.model_validate({"procedure": "totals", "vocabularies": names}).extension
    assert made is not None and made.extend is not None and not made.extend.patterns
    assert made.extend.vocabularies[0].values[0].names == ["adding up"]
    with pytest.raises(ValidationError, match="names of values"):
        AliasReply.model_validate({"procedure": "totals"})
