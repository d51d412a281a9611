"""Post-conditions: every member of `returns` stops what it does not allow."""

from __future__ import annotations

from typing import Any

import pytest

from seglam.procedures.answers import PostConditionFailed, canonical_answer
from tests.documents import revision


def returning(**returns: Any) -> Any:
    made = revision("answers")
    spec = made.spec.model_copy(update={"returns": type(made.spec.returns).model_validate(returns)})
    return type(made)(made.name, spec, made.digest)


@pytest.mark.parametrize(
    ("returns", "tagged", "answer"),
    [
        ({"type": "integer"}, 7, "7"),
        ({"type": "integer", "minimum": "7", "maximum": "7"}, 7, "7"),
        ({"type": "decimal", "oneOf": ["1.5"]}, {"$decimal": "1.50"}, "1.50"),
        ({"type": "text", "maxLength": 3}, "abc", "abc"),
        ({"type": "list[integer]"}, [3, 1], '["3","1"]'),
    ],
)
def test_allowed(returns: dict[str, Any], tagged: object, answer: str) -> None:
    made = returning(**returns)
    assert made.returns.equal(canonical_answer(made, tagged), answer)


@pytest.mark.parametrize(
    ("returns", "tagged", "why"),
    [
        ({"type": "integer"}, "7", "is no integer"),
        ({"type": "integer"}, True, "is no integer"),
        ({"type": "integer"}, {"$float": "7.0"}, "is no integer"),
        ({"type": "text"}, None, "is no text"),
        ({"type": "integer", "minimum": "1"}, 0, "at least 1"),
        ({"type": "integer", "maximum": "10"}, 11, "at most 10"),
        ({"type": "text", "minimum": "a"}, "b", "no order"),
        ({"type": "text", "oneOf": ["yes", "no"]}, "maybe", "none of 'yes', 'no'"),
        ({"type": "text", "maxLength": 3}, "abcd", "4 characters"),
    ],
)
def test_refused(returns: dict[str, Any], tagged: object, why: str) -> None:
    with pytest.raises(PostConditionFailed, match=why):
        canonical_answer(returning(**returns), tagged)
