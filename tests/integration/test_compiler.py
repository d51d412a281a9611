"""Compilations from a miss to a proposed revision: real HTTP, real WebAssembly, scripted replies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from seglam.compiler import (
    Bench,
    Budget,
    Compilation,
    Compiler,
    Endpoint,
    Gate,
    Negative,
    NegativeIndex,
    OpenAIModel,
    Outcome,
    RecordedModel,
    Recorder,
)
from seglam.lookup import Hit, Index
from seglam.procedures import Request, Revision
from seglam.procedures.patterns import shared_rules
from seglam.sandbox import Engine, Sandbox
from tests.compilations import (
    SUM,
    compiled,
    compiler_for,
    implementation,
    index_of,
    missed,
    procedure,
    scripted,
)
from tests.documents import document
from tests.openai_server import problem, prompt_of, serving


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Sandbox(Engine.load(build="a")) as first, Sandbox(Engine.load(build="b")) as second:
        yield Bench(first, second)


def purposes(made: Compilation) -> list[str]:
    return [f"{call.role} {call.purpose}" for call in made.calls]


def test_a_miss_becomes_a_proposed_procedure_that_answers_it(bench: Bench) -> None:
    made = compiled(bench, [procedure()])
    assert made.outcome is Outcome.PROPOSED, made.message
    assert (made.answer, made.arguments) == ("7", {"a": "3", "b": "4"})
    assert [(e.gate, e.passed) for e in made.evidence] == [(gate, True) for gate in Gate]
    assert purposes(made) == ["author author", "verifier implementation", "verifier contrasts"]
    assert made.document is not None and made.digest == Revision.of(made.document).digest
    assert made.engines == bench.engines and len(set(made.engines)) == 2
    assert made.replaces is None
    assert isinstance(index_of(made.document).find(Request(text="compute the sum of 1 and 2")), Hit)


def test_differential_testing_runs_at_least_200_inputs(bench: Bench) -> None:
    made = compiled(bench, [procedure()])
    detail = next(e for e in made.evidence if e.gate is Gate.DIFFERENTIAL).detail
    assert detail["compared"] >= 200 and detail["answered"] >= 200
    assert {"boundary", "swapped", "equal", "exemplar", "ordinary"} <= detail["inputs"].keys()


def test_the_verifier_never_sees_the_code_and_the_author_never_the_inputs(bench: Bench) -> None:
    wrong = procedure(code="def solve(a, b):\n    return a + b + (a > 1000)\n")
    with scripted([wrong, procedure()]) as server:
        index = index_of()
        made = compiler_for(server, bench).compile(missed(SUM, index), index)
    assert made.outcome is Outcome.PROPOSED
    assert purposes(made)[:4] == [
        "author author",
        "verifier implementation",
        "author repair",
        "verifier implementation",
    ]
    prompts = [prompt_of(request) for request in server.requests]
    verifier = [prompt for prompt in prompts if prompt.startswith("You verify")]
    assert verifier and not any("a + b" in prompt for prompt in verifier)
    repair = prompts[2]
    assert "the answers differ" in repair and "a > 1000" in repair
    failed = next(e for e in made.evidence if not e.passed)
    shown = [str(difference["arguments"]) for difference in failed.detail["differences"]]
    assert shown and not any(text in repair for text in shown)


def test_an_answer_that_the_author_left_out_is_the_verified_codes(bench: Bench) -> None:
    made = compiled(bench, [procedure(examples=[{"request": "compute the sum of 8 and 9"}])])
    assert made.document is not None and made.document.spec.examples
    (example,) = made.document.spec.examples
    assert example.answer == "17"
    assert {argument.name: argument.value for argument in example.arguments} == {"a": "8", "b": "9"}


def test_a_direct_answer_that_differs_is_shown_and_rejects_nothing(bench: Bench) -> None:
    made = compiled(bench, [procedure(answer="8")])
    assert made.outcome is Outcome.PROPOSED
    evidence = made.evidence[-1]
    assert evidence.gate is Gate.AGREEMENT and evidence.detail["agrees"] is False
    assert "review" in evidence.summary and made.answer == "7"


def test_a_type_that_is_no_code_leaves_a_negative_entry(bench: Bench) -> None:
    reply = {
        "decision": "not-compilable",
        "notCompilable": {
            "reason": "The shift is not stated.",
            "parameters": [{"name": "cipher", "type": "text"}],
            "patterns": ["decipher: {cipher}"],
        },
    }
    made = compiled(bench, [reply], request="decipher: KHOOR")
    assert made.outcome is Outcome.NOT_COMPILABLE
    assert isinstance(made.negative, Negative) and made.message == "The shift is not stated."
    clock = lambda: made.negative.expires.replace(year=made.negative.expires.year - 1)  # noqa: E731
    index = NegativeIndex(clock, [made.negative])
    assert index.find(Request(text="Decipher: ZRUOG TWO")) == made.negative
    assert index.find(Request(text="Encipher: ZRUOG")) is None


# Extensions

EXTENSION = {
    "decision": "extend",
    "extend": {"procedure": "sum-of-two", "patterns": ["(add|put together) {a} and {b}"], "refuse": ["add {a} to {b}"]},
}


@cache
def base(bench: Bench) -> Compilation:
    return compiled(bench, [procedure()])


def test_a_near_miss_extends_a_procedure_without_new_code(bench: Bench) -> None:
    old = base(bench)
    assert old.document is not None
    made = compiled(bench, [EXTENSION], request="add 5 and 6", active=[old.document])
    assert made.outcome is Outcome.EXTENDED, made.message
    assert made.replaces == old.digest and made.digest != old.digest
    assert made.answer == "11"
    assert purposes(made) == ["author alias", "author author", "verifier contrasts"]
    assert made.document is not None and made.document.spec.code == old.document.spec.code
    texts = [pattern.text for pattern in made.document.spec.match.patterns or ()]
    assert texts == ["(what is|compute) the sum of {a} and {b}", "(add|put together) {a} and {b}"]


ALIAS = {"procedure": "sum-of-two", "patterns": ["(add|put together) {a} and {b}"], "why": "the same sum"}


def test_another_wording_takes_the_smallest_question(bench: Bench) -> None:
    old = base(bench)
    assert old.document is not None
    rule = {"name": "soon", "text": "at once|right now"}
    alias = {**ALIAS, "patterns": [f"{each} [<soon>]" for each in ALIAS["patterns"]], "rules": [rule]}
    made = compiled(bench, [], request="add 5 and 6", active=[old.document], alias=alias)
    assert (made.outcome, made.replaces, made.answer) == (Outcome.EXTENDED, old.digest, "11")
    assert purposes(made) == ["author alias", "verifier contrasts"]
    assert made.document is not None and made.document.spec.code == old.document.spec.code
    rules = {each.name: each.text for each in made.document.spec.rules or ()}
    assert rules.keys() - shared_rules().keys() == {"soon"} and rules["soon"] == rule["text"]
    assert {"opening", "closing", "only-number"} < rules.keys()
    index = index_of(made.document)
    assert isinstance(index.find(Request(text="Hey, could you add 20 and 30 at once? Just the number, please.")), Hit)


def test_a_request_s_own_words_need_no_author(bench: Bench) -> None:
    old = base(bench)
    assert old.document is not None

    def judge(left: str, right: str) -> str:
        return "same" if right.startswith("add {a} and {b}") else "different"

    made = compiled(bench, [], judge=judge, request="add 5 and 6", active=[old.document], own_words=True)
    assert (made.outcome, made.replaces, made.answer) == (Outcome.EXTENDED, old.digest, "11"), made.message
    assert set(purposes(made)) == {"verifier contrasts"}
    assert made.document is not None and made.document.spec.code == old.document.spec.code
    assert isinstance(index_of(made.document).find(Request(text="Add 20 and 30, please.")), Hit)
    assert not isinstance(index_of(made.document).find(Request(text="add 20 to 30")), Hit)


def test_a_sentence_whose_values_may_change_places_is_not_ambiguous(bench: Bench) -> None:
    old = base(bench)
    assert old.document is not None

    def judge(left: str, right: str) -> str:
        return "same" if {"{a}", "{b}"} <= {*left.split(), *right.split()} else "different"

    made = compiled(bench, [], judge=judge, request="add 5 and 6", active=[old.document], own_words=True)
    assert (made.outcome, made.answer) == (Outcome.EXTENDED, "11"), made.message


def test_own_words_that_mean_something_else_or_may_are_the_author_s_question(bench: Bench) -> None:
    old = base(bench)
    assert old.document is not None
    for verdict in ("different", "unsure"):
        made = compiled(
            bench,
            [EXTENSION],
            judge=lambda left, right, verdict=verdict: verdict,  # type: ignore[misc]
            request="add 5 and 6",
            active=[old.document],
            own_words=True,
        )
        assert list(dict.fromkeys(purposes(made)))[:2] == ["verifier contrasts", "author alias"]


def test_a_wording_that_fails_a_gate_or_names_a_stranger_is_the_author_s_question(bench: Bench) -> None:
    old = base(bench)
    assert old.document is not None
    for alias in ({**ALIAS, "patterns": ["(add|subtract) {a} and {b}"]}, {**ALIAS, "procedure": "unheard-of"}):
        made = compiled(
            bench,
            [EXTENSION],
            judge=lambda left, right: "different" if "subtract" in left + right else "same",
            request="add 5 and 6" if alias["procedure"] != "sum-of-two" else "subtract 5 and 6",
            active=[old.document],
            alias=alias,
        )
        assert purposes(made)[:1] == ["author alias"] and "author author" in purposes(made)
        assert made.document is None or "subtract" not in str(made.document.spec.match.patterns)


def test_a_faulty_pattern_of_an_extension_is_left_out_and_named(bench: Bench) -> None:
    old = base(bench)
    assert old.document is not None
    alias = {**ALIAS, "patterns": ["add {a} to <nothing> {b}", *ALIAS["patterns"]]}
    made = compiled(bench, [], request="add 5 and 6", active=[old.document], alias=alias)
    assert made.outcome is Outcome.EXTENDED and made.document is not None
    assert "<nothing>" not in str(made.document.spec.match.patterns)
    (left_out,) = made.evidence[0].detail["leftOut"]
    assert left_out["pattern"] == "add {a} to <nothing> {b}" and "nothing" in left_out["why"]
    broken = {**ALIAS, "patterns": ["add {a} to <nothing> {b}"]}
    made = compiled(bench, [EXTENSION], request="add 5 and 6", active=[old.document], alias=broken)
    assert purposes(made)[:2] == ["author alias", "author author"], "a whole that is faulty is refused"


def test_no_wording_is_asked_for_where_values_are_not_those_of_a_procedure_near(bench: Bench) -> None:
    old = base(bench)
    assert old.document is not None
    made = compiled(bench, [EXTENSION], request="add five apples and pears", active=[old.document], alias=ALIAS)
    assert "author alias" not in purposes(made)


def test_a_miss_whose_procedure_was_withdrawn_lacks_code_and_no_wording(bench: Bench) -> None:
    old = base(bench)
    assert old.document is not None
    index = index_of(old.document)
    withdrawn = replace(missed("add 5 and 6", index), withdrawn=Revision.of(old.document))
    with scripted([EXTENSION], alias=ALIAS) as server:
        made = compiler_for(server, bench).compile(withdrawn, index)
    assert purposes(made) == ["author author", "verifier contrasts"]


def test_only_what_is_new_is_asked_about(bench: Bench) -> None:
    old = base(bench)
    assert old.document is not None
    made = compiled(bench, [EXTENSION], request="add 5 and 6", active=[old.document])
    asked = made.evidence[-2].detail["contrasts"]
    assert [each["pair"] for each in asked] == [
        ["what is the sum of {a} and {b}", "add {a} and {b}"],
        ["add {a} and {b}", "put together {a} and {b}"],
    ]


def test_an_alternative_that_is_not_the_same_is_taken_out(bench: Bench) -> None:
    old = base(bench)
    assert old.document is not None
    made = compiled(
        bench,
        [EXTENSION],
        judge=lambda _, right: "unsure" if "put" in right else "same",
        request="add 5 and 6",
        active=[old.document],
    )
    assert made.outcome is Outcome.EXTENDED
    assert made.document is not None
    assert [pattern.text for pattern in made.document.spec.match.patterns or ()][1] == "add {a} and {b}"


def test_a_verifier_that_approves_everything_is_not_believed(bench: Bench) -> None:
    old = base(bench)
    assert old.document is not None
    index = index_of(old.document)
    with scripted([EXTENSION], careful=False) as server:
        made = compiler_for(server, bench).compile(missed("add 5 and 6", index), index)
    assert made.outcome is Outcome.MODEL_FAILED
    assert "known to differ" in made.message and made.document is None


def test_an_extension_of_an_unknown_procedure_is_rejected(bench: Bench) -> None:
    made = compiled(bench, [EXTENSION], request="add 5 and 6")
    assert made.outcome is Outcome.REJECTED
    assert "no active procedure 'sum-of-two'" in made.message


LEGS = {
    "name": "legs",
    "summary": "How many legs an animal has.",
    "parameters": [{"name": "animal", "type": "vocabulary", "vocabulary": "animal"}],
    "vocabularies": [{"name": "animal", "values": [{"value": "dog", "names": ["dogs", "hound"]}, {"value": "bird"}]}],
    "returns": {"type": "integer"},
    "patterns": ["how many legs has {animal}"],
    "refuse": ["how many eyes has {animal}"],
    "code": "LEGS = {'dog': 4, 'bird': 2, 'spider': 8}\n\n\ndef solve(animal):\n    return LEGS[animal]\n",
    "examples": [{"request": "how many legs has bird", "answer": "2"}],
}
LEGS_IMPLEMENTATION = {
    "code": "def solve(animal):\n    for name, count in (('dog', 4), ('bird', 2), ('spider', 8), ('ant', 6)):\n"
    "        if name == animal:\n            return count\n    refuse('unknown')\n"
}
SPIDER = {
    "decision": "extend",
    "extend": {"procedure": "legs", "vocabularies": [{"name": "animal", "values": [{"value": "spider"}]}]},
}


def test_a_vocabulary_that_grows_is_tested_differentially_again(bench: Bench) -> None:
    old = compiled(
        bench, [{"decision": "procedure", "procedure": LEGS}], LEGS_IMPLEMENTATION, request="how many legs has dog"
    )
    assert old.document is not None, old.message
    made = compiled(bench, [SPIDER], LEGS_IMPLEMENTATION, request="how many legs has spider", active=[old.document])
    assert made.outcome is Outcome.EXTENDED, made.message
    assert made.answer == "8"
    assert "verifier implementation" in purposes(made)


def test_a_member_that_the_code_does_not_know_is_rejected(bench: Bench) -> None:
    old = compiled(
        bench, [{"decision": "procedure", "procedure": LEGS}], LEGS_IMPLEMENTATION, request="how many legs has dog"
    )
    assert old.document is not None
    ant = {"procedure": "legs", "vocabularies": [{"name": "animal", "values": [{"value": "ant"}]}]}
    made = compiled(
        bench,
        [{"decision": "extend", "extend": ant}],
        LEGS_IMPLEMENTATION,
        request="how many legs has ant",
        active=[old.document],
    )
    assert made.outcome is Outcome.REJECTED


ANT: dict[str, Any] = {
    "procedure": "legs",
    "vocabularies": [{"name": "animal", "values": [{"value": "ant"}]}],
    "code": "LEGS = {'dog': 4, 'bird': 2, 'spider': 8, 'ant': 6}\n\n\ndef solve(animal):\n    return LEGS[animal]\n",
}


@pytest.mark.parametrize(("dog", "outcome"), [("4", Outcome.EXTENDED), ("5", Outcome.REJECTED)])
def test_a_new_member_may_need_new_code_that_answers_as_before(dog: str, outcome: Outcome, bench: Bench) -> None:
    first = {"decision": "procedure", "procedure": LEGS}
    old = compiled(bench, [first], LEGS_IMPLEMENTATION, request="how many legs has dog")
    assert old.document is not None
    code = ANT["code"].replace("'dog': 4", f"'dog': {dog}")
    author = {"decision": "extend", "extend": {**ANT, "code": code}}
    agreeing = {"code": LEGS_IMPLEMENTATION["code"].replace("('dog', 4)", f"('dog', {dog})")}
    made = compiled(bench, [author], agreeing, request="how many legs has ant", active=[old.document])
    assert made.outcome is outcome, made.message
    if outcome is Outcome.EXTENDED:
        assert made.answer == "6" and made.replaces == old.digest
    else:
        assert made.evidence[-1].gate is Gate.EXAMPLES or "as the old code" in made.message


def test_a_name_that_means_something_else_leaves_the_vocabulary(bench: Bench) -> None:
    made = compiled(
        bench,
        [{"decision": "procedure", "procedure": LEGS}],
        LEGS_IMPLEMENTATION,
        judge=lambda _, right: "different" if "hound" in right else "same",
        request="how many legs has dog",
    )
    assert made.document is not None and made.document.spec.vocabularies
    assert made.document.spec.vocabularies[0].values[0].names == ["dogs"]


# What each gate stops, and what would be proposed without it

BAD: dict[str, tuple[Gate, dict[str, Any], dict[str, Any]]] = {
    "an import that depends on more than the arguments": (
        Gate.STATIC,
        {"code": "import random\n\n\ndef solve(a, b):\n    return a + b\n"},
        {},
    ),
    "a swallowed exception": (
        Gate.STATIC,
        {"code": "def solve(a, b):\n    try:\n        return a + b\n    except Exception:\n        return 0\n"},
        {},
    ),
    "a branch on the example": (
        Gate.STATIC,
        {"code": "def solve(a, b):\n    if a == 20:\n        return 50 - 30 + b\n    return a + b\n"},
        {},
    ),
    "code that reaches into the interpreter": (
        Gate.STATIC,
        {"code": "def solve(a, b):\n    return a + b + len(solve.__name__) - len(solve.__qualname__)\n"},
        {},
    ),
    "an example that states another answer": (
        Gate.EXAMPLES,
        {"examples": [{"request": "compute the sum of 20 and 30", "answer": "51"}]},
        {},
    ),
    "an example in another form": (
        Gate.EXAMPLES,
        {
            "returns": {"type": "text"},
            "code": "def solve(a, b):\n    return str(a + b)\n",
            "examples": [{"request": "compute the sum of 20 and 30", "answer": "fifty"}],
        },
        {"code": "def solve(a, b):\n    return str(sum([a, b]))\n", "properties": None, "cases": []},
    ),
    "an example that the code refuses": (
        Gate.EXAMPLES,
        {"code": "def solve(a, b):\n    if a % 21 == 20 and b % 31 == 30:\n        refuse('no')\n    return a + b\n"},
        {"code": "def solve(a, b):\n    if a % 21 == 20 and b % 31 == 30:\n        refuse('')\n    return b + a\n"},
    ),
    "an error beyond a boundary": (
        Gate.DIFFERENTIAL,
        {"code": "def solve(a, b):\n    return a + b if a < 100_000 else a + b + 1\n"},
        {"properties": None},
    ),
    "an error for negative numbers": (
        Gate.DIFFERENTIAL,
        {"code": "def solve(a, b):\n    return abs(a) + abs(b)\n"},
        {"properties": None},
    ),
    "an answer where there is none": (
        Gate.DIFFERENTIAL,
        {},
        {"code": "def solve(a, b):\n    if a == b:\n        refuse('which')\n    return a + b\n"},
    ),
    "a reading that nothing excludes": (
        Gate.DIFFERENTIAL,
        {},
        {"readings": [{"reading": "the sum modulo twelve, as on a clock", "fixedBy": None, "guarded": False}]},
    ),
    "a property that does not hold": (
        Gate.DIFFERENTIAL,
        {},
        {"properties": "def check(a, b, answer):\n    return answer > a\n"},
    ),
    "a refusal that binds": (Gate.MATCH, {"refuse": ["compute the sum of {a} and {b}"]}, {}),
    "an example that binds other arguments": (
        Gate.MATCH,
        {"examples": [{"request": "compute the sum of 2 and 3", "arguments": {"a": "3", "b": "2"}, "answer": "5"}]},
        {},
    ),
    "an operator that is an alternative": (
        Gate.MATCH,
        {"patterns": ["what is the (sum|difference) of {a} and {b}"], "refuse": [],
         "examples": [{"request": "what is the sum of 20 and 30"}]},
        {},
    ),
    "an optional negation": (
        Gate.MATCH,
        {"patterns": ["what is [not] the sum of {a} and {b}"], "examples": [{"request": "what is the sum of 2 and 3"}]},
        {},
    ),
    "swapped roles": (
        Gate.MATCH,
        {"patterns": ["what is the sum of {a} and {b}", "what is the sum of {b} and {a}"],
         "examples": [{"request": "what is the sum of 2 and 2"}]},
        {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_gate_stops(name: str, bench: Bench) -> None:
    gate, author, verifier = BAD[name]
    made = compiled(bench, [procedure(**author)], implementation(**verifier))
    assert made.outcome is Outcome.REJECTED
    assert not made.evidence[-1].passed and made.evidence[-1].gate is gate
    assert made.document is None
    assert purposes(made).count("author repair") == 1


ALSO_ELSEWHERE = frozenset({"swapped roles", "an import that depends on more than the arguments"})
"""What lookup or the sandbox refuses too, so that it is rejected even without its gate."""


@pytest.mark.parametrize("name", sorted(BAD.keys() - ALSO_ELSEWHERE))
def test_without_its_gate_it_would_pass(name: str, bench: Bench) -> None:
    """Each gate, disabled, lets something bad through: what the tests above reject, it alone rejects."""
    gate, author, verifier = BAD[name]
    made = compiled(bench, [procedure(**author)], implementation(**verifier), skipped=gate)
    assert made.outcome is Outcome.PROPOSED, made.message


def test_a_recorded_reply_that_its_gates_reject_is_not_tried_again_with_the_same_procedures(
    bench: Bench, tmp_path: Path
) -> None:
    with scripted([procedure(code="import random\n\n\ndef solve(a, b):\n    return a + b\n")]) as server:
        author, verifier = (OpenAIModel(Endpoint("m", server.url), role) for role in ("author", "verifier"))
        recording = Compiler(Recorder(author, "author", tmp_path, "written for a test"), verifier, bench)
        assert recording.compile(missed(SUM, Index()), Index()).outcome is Outcome.REJECTED
    replayed = Compiler(RecordedModel.of(tmp_path, "author"), RecordedModel({}, "verifier"), bench)
    first, second = (replayed.compile(missed(SUM, Index()), Index()) for _ in range(2))
    assert first.outcome is Outcome.REJECTED and first.evidence[-1].gate is Gate.STATIC
    assert second.outcome is Outcome.NO_COMPLETION and "rejected" in second.message and not second.calls
    other = index_of(document("other"))
    assert replayed.compile(missed(SUM, other), other).outcome is Outcome.REJECTED


def test_agreement_disabled_shows_no_difference(bench: Bench) -> None:
    made = compiled(bench, [procedure(answer="8")], skipped=Gate.AGREEMENT)
    assert not any(evidence.gate is Gate.AGREEMENT for evidence in made.evidence)


def test_what_an_elder_answers_stays_the_elders(bench: Bench) -> None:
    old = base(bench)
    assert old.document is not None
    wide = procedure(
        name="total-of-two", patterns=["(compute|work out) the (sum|total) of {a} and {b}"],
        examples=[{"request": "work out the total of 1 and 2"}],
    )  # fmt: skip
    made = compiled(bench, [wide], request="work out the total of 3 and 4", active=[old.document])
    assert made.outcome is Outcome.PROPOSED, made.message
    assert made.document is not None
    both = index_of(old.document, made.document)
    found = both.find(Request(text="compute the sum of 1 and 2"))
    assert isinstance(found, Hit) and found.binding.revision.name == "sum-of-two"


# Trouble with models


def test_a_model_that_is_down_is_a_clear_outcome_and_the_next_request_works(bench: Bench) -> None:
    index = index_of()
    with serving(lambda _: problem(503, "maintenance")) as server:
        made = compiler_for(server, bench).compile(missed(SUM, index), index)
    assert made.outcome is Outcome.MODEL_FAILED and "down" in made.message and "maintenance" in made.message
    assert [call.error is not None for call in made.calls] == [True]
    assert compiled(bench, [procedure()]).outcome is Outcome.PROPOSED


def test_a_rate_limit_says_when_to_come_back(bench: Bench) -> None:
    index = index_of()
    with serving(lambda _: problem(429, "later", Retry_After="12")) as server:
        made = compiler_for(server, bench).compile(missed(SUM, index), index)
    assert made.outcome is Outcome.MODEL_FAILED
    assert made.message.endswith("retry after 12 s")


def test_garbage_is_a_model_failure(bench: Bench) -> None:
    assert compiled(bench, ["hello"]).outcome is Outcome.MODEL_FAILED


def test_a_verifier_that_fails_leaves_nothing_proposed(bench: Bench) -> None:
    made = compiled(bench, [procedure()], "no idea")
    assert made.outcome is Outcome.MODEL_FAILED and made.document is None
    assert "verifier" in made.message


def test_the_token_budget_holds_over_all_calls(bench: Bench) -> None:
    index = index_of()
    with scripted([procedure()]) as server:
        made = compiler_for(server, bench, budget=Budget(tokens=200)).compile(missed(SUM, index), index)
    assert made.outcome is Outcome.BUDGET
    assert len(server.requests) == 2  # 120 tokens each: the second is the one too many


def test_no_time_is_no_call(bench: Bench) -> None:
    index = index_of()
    with scripted([procedure()]) as server:
        made = compiler_for(server, bench, budget=Budget(seconds=0)).compile(missed(SUM, index), index)
    assert made.outcome is Outcome.BUDGET and not server.requests
