"""Which parameters may change places, by running real code."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from seglam.compiler.running import Bench
from seglam.compiler.symmetry import interchangeable
from seglam.sandbox import Engine, Sandbox
from tests.documents import revision


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Sandbox(Engine.load(build="a")) as first, Sandbox(Engine.load(build="b")) as second:
        yield Bench(first, second)


@pytest.mark.parametrize(
    ("code", "kinds", "found"),
    [
        ("return str(a * b)", {}, [("a", "b")]),
        ("return str(a - b)", {}, []),
        ("return str(abs(a - b)) if a != 7 else str(b)", {}, []),
        ("return refuse('none') if a == b + 1 else str(a + b)", {}, []),
        ("return refuse('never')", {}, []),
        ("return str(a * b)", {"a": {"minimum": "2"}}, []),
        ("return str(a) + str(b)", {"b": {"type": "decimal"}}, []),
    ],
)
def test_parameters_may_change_places_if_no_answer_changes(
    bench: Bench, code: str, kinds: dict[str, dict[str, str]], found: list[tuple[str, str]]
) -> None:
    parameters = [{"name": name, "type": "integer", **kinds.get(name, {})} for name in "ab"]
    example = {"arguments": [{"name": "a", "value": "7"}, {"name": "b", "value": "3"}], "answer": "0"}
    made = revision(
        patterns=["{a} and {b}"],
        parameters=parameters,
        code=f"def solve(a, b):\n    {code}\n",
        examples=[example],
    )
    assert interchangeable(made, bench) == found
