"""A system prompt and a form of answer belong to the type: only a procedure that was made for them answers."""

from __future__ import annotations

import pytest

from seglam.lookup import Hit, Index, Miss, MissReason
from seglam.lookup.fingerprint import fingerprint
from seglam.lookup.newcomer import yield_to
from seglam.lookup.overlap import overlaps
from seglam.procedures import Request, Revision
from tests.documents import document, revision

TERSE = "Answer with the number only."


def made_for(name: str, key: str = "system", *values: str) -> Revision:
    given = {
        "name": "given",
        "type": "text",
        "origin": "context",
        "key": key,
        **({"oneOf": list(values)} if values else {}),
    }
    return revision(
        name, parameters=[{"name": "n", "type": "integer"}, given], code="def solve(n, given):\n    return str(2 * n)\n"
    )


def find(*revisions: Revision, text: str = "double 4", **context: str) -> Hit | Miss:
    index = Index()
    for each in revisions:
        index.add(each)
    return index.find(Request(text=text, context=context))


@pytest.mark.parametrize("key", ["system", "response_format"])
def test_a_procedure_that_declares_nothing_is_not_asked(key: str) -> None:
    found = find(revision(), **{key: TERSE})
    assert isinstance(found, Miss)
    assert found.reason is MissReason.GUARD
    assert f"{key!r}, and double was made for none" in found.explanation
    assert isinstance(find(revision(), now="2026-01-01T00:00:00Z", locale="en-US"), Hit)


@pytest.mark.parametrize("key", ["system", "response_format"])
def test_only_the_declared_value_binds(key: str) -> None:
    declared = made_for("declared", key, TERSE, "Be short.")
    found = find(declared, **{key: TERSE})
    assert isinstance(found, Hit)
    assert found.binding.arguments == {"n": "4", "given": TERSE}
    assert isinstance(find(declared, **{key: TERSE.lower()}), Miss)
    assert isinstance(find(declared), Miss)
    other = {"system": "response_format", "response_format": "system"}[key]
    assert isinstance(find(declared, **{key: TERSE, other: TERSE}), Miss)


def test_declaring_the_entry_without_values_is_no_permission() -> None:
    assert isinstance(find(made_for("any"), system=TERSE), Miss)


def test_a_memo_of_the_same_text_does_not_answer_for_another_prompt() -> None:
    index = Index()
    index.add(revision())
    assert isinstance(index.find(Request(text="double 4")), Hit)
    assert isinstance(index.find(Request(text="double 4", context={"system": TERSE})), Miss)


def test_procedures_for_different_prompts_stand_beside_each_other() -> None:
    plain, terse, polite = (
        revision("plain"),
        made_for("terse", "system", TERSE),
        made_for("polite", "system", "Be polite."),
    )
    assert not overlaps(terse, [plain, polite])
    assert overlaps(terse, [made_for("again", "system", "Be polite.", TERSE)])
    assert overlaps(plain, [revision("twice")])
    for context, name in (({}, "plain"), ({"system": TERSE}, "terse"), ({"system": "Be polite."}, "polite")):
        found = find(plain, terse, polite, **context)
        assert isinstance(found, Hit)
        assert found.binding.revision.name == name


def test_a_newcomer_keeps_what_it_shares_with_procedures_for_other_prompts() -> None:
    newcomer = document("plain")
    assert yield_to(newcomer, [made_for("terse", "system", TERSE)]).document == newcomer


def test_types_are_told_apart_by_the_prompt() -> None:
    prints = {
        fingerprint(Request(text="double 4", context=context))
        for context in ({}, {"system": TERSE}, {"system": "Be polite."}, {"response_format": TERSE})
    }
    assert len(prints) == 4
    assert fingerprint(Request(text="double 4")) == fingerprint(Request(text="double 5"))
