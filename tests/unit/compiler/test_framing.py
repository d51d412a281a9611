"""Politeness and a wish for the answer alone around another wording's patterns, where no value can swallow them."""

from __future__ import annotations

from typing import Any

import pytest

from seglam.compiler.assemble import extended
from seglam.compiler.framing import framed, reframed, unframed, within_frame
from seglam.compiler.replies import ExtensionReply, PatternReply
from seglam.lookup import Hit, Index
from seglam.procedures import Request, Revision
from tests.documents import document


def base(kind: str, returns: str = "text", **parts: Any) -> Revision:
    return Revision.of(document("known", patterns=["known: {x}"], parameters=[{"name": "x", "type": kind}],
                                returns=returns, **parts))  # fmt: skip


def bound(known: Revision, pattern: str | PatternReply, text: str) -> str | None:
    index = Index()
    index.add(Revision.of(extended(known, framed(ExtensionReply(procedure="known", patterns=[pattern]), known))))
    found = index.find(Request(text=text))
    return found.binding.arguments["x"] if isinstance(found, Hit) else None


@pytest.mark.parametrize(
    "text",
    [
        "double 7", "Double 7.", "please double 7", "Hey, could you double 7 for me?",
        "hi! I need you to double 7, please", "double 7. Just the result, please.", "Double 7; number only",
        "double 7? Give me only the number.",
    ],
)  # fmt: skip
def test_a_frame_changes_nothing(text: str) -> None:
    assert bound(base("integer", "integer"), "[<please>] double {x}", text) == "7"
    assert bound(base("integer", "integer"), "double {x}", text) == "7"


@pytest.mark.parametrize("text", ["double 7!", "double 7 for her", "double 7, only the weekday", "do not double 7"])
def test_nothing_else_is_let_in(text: str) -> None:
    assert bound(base("integer", "integer"), "double {x}", text) is None


def test_the_form_of_an_answer_may_be_wished_for_that_it_has() -> None:
    assert bound(base("date", "weekday"), "day of {x}", "day of 2024-02-29, just the weekday") == "2024-02-29"
    assert bound(base("date"), "day of {x}", "day of 2024-02-29, just the weekday") is None
    yes = base("integer", rules=[{"name": "as-yes-or-no", "text": "yes or no"}])
    assert bound(yes, "is {x} even", "is 7 even? (Yes/No)") == "7"


@pytest.mark.parametrize(("kind", "value"), [("text", "now, thanks"), ("list[word]", "a, b, thanks")])
def test_what_may_be_part_of_a_value_is_no_frame(kind: str, value: str) -> None:
    reply = ExtensionReply(procedure="known", patterns=["echo: {x}", "{x} is what to echo"])
    after, before = framed(reply, base(kind)).patterns
    assert str(after).endswith("{x}") and str(before).startswith("{x}")
    assert bound(base(kind), "echo: {x}", f"echo: {value}") is not None


def test_a_pattern_of_another_language_or_that_cannot_be_read_stays() -> None:
    patterns = [PatternReply(text="verdopple {x}", language="de"), "double {x} [<unheard-of>]", "double {x"]
    reply = ExtensionReply(procedure="known", patterns=patterns)
    assert framed(reply, base("integer")).patterns == reply.patterns


def test_a_document_takes_on_the_rules_and_frames_of_today() -> None:
    old = [{"name": "closing", "text": "cheers"}, {"name": "opening", "text": "hey"}]
    patterns = ["[<opening>] double {x} [[.|,] (<closing>)]", "[<please>] halve {x}"]
    before = document(
        "known", patterns=patterns, parameters=[{"name": "x", "type": "integer"}], returns="integer", rules=old
    )
    after = reframed(before)
    index = Index()
    index.add(Revision.of(after))
    for text in (
        "hey double 7, cheers",
        "please halve 7",
        "Hello, could you double 7? Just the number.",
        "halve 7, thanks",
    ):
        assert isinstance(index.find(Request(text=text)), Hit), text
    assert not isinstance(index.find(Request(text="treble 7")), Hit)
    assert reframed(after) == after and after.metadata == before.metadata


def test_a_document_without_patterns_stays() -> None:
    before = document("known", patterns=["echo {x}"], parameters=[{"name": "x", "type": "text"}])
    match = before.spec.match.model_copy(update={"patterns": None})
    bare = before.model_copy(update={"spec": before.spec.model_copy(update={"match": match})})
    assert reframed(bare) == bare


def test_nothing_is_asked_about_the_frame_but_about_whatever_looks_like_one() -> None:
    known = base("integer")
    (written,) = framed(ExtensionReply(procedure="known", patterns=["double {x}"]), known).patterns
    assert isinstance(written, str)
    for pattern, asked_about in ((written, False), (written.replace("<closing>", "<closing>|<mine>"), True),
                                 (written.replace(" -|", " -|not|"), True)):  # fmt: skip
        span = (pattern.index("[.|,"), pattern.index(" (<closing"))
        assert within_frame(pattern, span) is not asked_about
        assert within_frame(pattern, (0, len("[<opening>]")))
        assert not within_frame(pattern, (pattern.index("double"), pattern.index("{x}")))


def test_without_its_frame_a_pattern_is_what_somebody_wrote() -> None:
    known = base("integer")
    (written,) = framed(ExtensionReply(procedure="known", patterns=["double {x}"]), known).patterns
    assert isinstance(written, str)
    assert unframed(written) == "double {x}"
    assert unframed("double {x} [please]") == "double {x} [please]"
    of_somebody = written.replace("<closing>", "<closing>|<mine>")
    assert unframed(of_somebody) == of_somebody.removeprefix("[<opening>] ")
