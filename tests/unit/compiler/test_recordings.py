"""Which recorded completion stands in for a model: decided by what it says, never by a label."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from seglam.compiler import (
    Completion,
    ModelCall,
    NoRecording,
    Prompt,
    Question,
    RecordedModel,
    Recorder,
    RecordingError,
)
from seglam.compiler.assemble import core_digest, document_of
from seglam.compiler.budget import Allowance
from seglam.compiler.model import R
from seglam.compiler.replies import AuthorReply, ContrastsReply, ImplementationReply
from seglam.compiler.signature import signature_of
from seglam.compiler.subjects import AuthorSubject, ContrastsSubject, ImplementationSubject
from seglam.procedures import ReasoningProcedure, Request
from tests.compilations import SUM_IMPLEMENTATION, index_of, missed, procedure

PROMPT = Prompt("system", "user")
PLENTY = Allowance(1_000_000, 60)
SUM_DOCUMENT = document_of(AuthorReply.model_validate(procedure()).procedure or pytest.fail())
ADD: dict[str, Any] = {"decision": "extend", "extend": {"procedure": "sum-of-two", "patterns": ["add {a} and {b}"]}}
GUESS: dict[str, Any] = {
    "decision": "not-compilable",
    "notCompilable": {"reason": "a guess", "parameters": [{"name": "x", "type": "text"}], "patterns": ["guess {x}"]},
}


def write(directory: Path, name: str, reply: object, **members: object) -> None:
    purpose = str(members.get("purpose", "author"))
    role = "verifier" if purpose in ("implementation", "contrasts") else "author"
    common = {
        "role": role, "purpose": purpose, "origin": "written for a test", "recorded": "2024-01-01T00:00:00Z",
        "model": "hand", "promptDigest": "sha256:0", "inputTokens": 10, "outputTokens": 5, "reply": reply,
    }  # fmt: skip
    if purpose != "contrasts":
        common["request"] = {"text": "anything"}
    path = directory / role / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**common, **members}))


def author(directory: Path, text: str, *active: ReasoningProcedure, earlier: tuple[AuthorReply, ...] = ()) -> Any:
    index = index_of(*active)
    subject = AuthorSubject(missed(text, index), tuple(index), earlier)
    model = RecordedModel.of(directory, "author")
    return model.complete(Question("author", PROMPT, AuthorReply, subject), PLENTY)


def test_a_recording_is_used_where_its_own_patterns_bind(tmp_path: Path) -> None:
    write(tmp_path, "one", procedure())
    done = author(tmp_path, "What is the sum of 5 and 6?")
    assert done.output.procedure.name == "sum-of-two"
    (call,) = done.calls
    assert call.recording == "author/one.json: written for a test"
    assert (call.model, call.input_tokens, call.output_tokens, call.elapsed_ms) == ("hand", 10, 5, 0.0)


def test_a_label_that_fits_is_not_enough(tmp_path: Path) -> None:
    """The file's name, its recorded request and the reply's name all say that it fits; its patterns do not."""
    text = "What is the total of 5 and 6?"
    write(tmp_path, "total-of-two", procedure(name="total-of-two"), request={"text": text})
    with pytest.raises(NoRecording):
        author(tmp_path, text)


def test_a_base_procedure_comes_before_an_extension(tmp_path: Path) -> None:
    write(tmp_path, "a", ADD, base=core_digest(SUM_DOCUMENT.spec))
    write(
        tmp_path,
        "b",
        procedure(name="adder", patterns=["add {a} and {b}"], code="def solve(a, b):\n    return b + a\n"),
    )
    assert author(tmp_path, "add 1 and 2", SUM_DOCUMENT).output.decision == "procedure"
    (tmp_path / "author" / "b.json").unlink()
    assert author(tmp_path, "add 1 and 2", SUM_DOCUMENT).output.decision == "extend"


def test_an_extension_needs_the_very_code_it_was_made_for(tmp_path: Path) -> None:
    write(tmp_path, "a", ADD, base=core_digest(SUM_DOCUMENT.spec))
    with pytest.raises(NoRecording):
        author(tmp_path, "add 1 and 2")
    other = SUM_DOCUMENT.spec.model_copy(update={"code": "def solve(a, b):\n    return b + a\n"})
    with pytest.raises(NoRecording):
        author(tmp_path, "add 1 and 2", SUM_DOCUMENT.model_copy(update={"spec": other}))


def test_an_extension_names_its_base_as_it_is_named_now(tmp_path: Path) -> None:
    write(tmp_path, "a", ADD, base=core_digest(SUM_DOCUMENT.spec))
    match = SUM_DOCUMENT.spec.match.model_copy(update={"refuse": None})
    renamed = document_of(AuthorReply.model_validate(procedure()).procedure or pytest.fail(), {"sum-of-two"})
    grown = renamed.model_copy(update={"spec": SUM_DOCUMENT.spec.model_copy(update={"match": match})})
    assert author(tmp_path, "add 1 and 2", grown).output.extend.procedure == "sum-of-two-2"


def test_a_procedure_that_is_active_already_is_not_used_again(tmp_path: Path) -> None:
    write(tmp_path, "one", procedure())
    cut = SUM_DOCUMENT.spec.match.model_copy(update={"patterns": (SUM_DOCUMENT.spec.match.patterns or [])[:0] or None})
    active = SUM_DOCUMENT.model_copy(update={"spec": SUM_DOCUMENT.spec.model_copy(update={"match": cut})})
    with pytest.raises(NoRecording):
        author(tmp_path, "What is the sum of 5 and 6?", active)


def test_a_reply_that_failed_is_not_given_twice(tmp_path: Path) -> None:
    write(tmp_path, "one", procedure())
    write(tmp_path, "two", procedure(code="def solve(a, b):\n    return b + a\n"), purpose="repair")
    first = author(tmp_path, "What is the sum of 5 and 6?").output
    second = author(tmp_path, "What is the sum of 5 and 6?", earlier=(first,)).output
    assert first != second
    with pytest.raises(NoRecording):
        author(tmp_path, "What is the sum of 5 and 6?", earlier=(first, second))


def test_a_refusal_is_used_by_its_patterns_too(tmp_path: Path) -> None:
    write(tmp_path, "one", GUESS)
    assert author(tmp_path, "guess my name").output.not_compilable.reason == "a guess"
    with pytest.raises(NoRecording):
        author(tmp_path, "tell my name")


def test_a_recorded_reply_whose_document_is_faulty_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, "one", procedure(patterns=["what is the (sum of {a} and {b}"]))
    with pytest.raises(NoRecording):
        author(tmp_path, "What is the sum of 5 and 6?")


def implementation(directory: Path, signature: Any) -> Completion[ImplementationReply]:
    subject = ImplementationSubject(signature, Request(text="x"))
    question = Question("implementation", PROMPT, ImplementationReply, subject)
    return RecordedModel.of(directory, "verifier").complete(question, PLENTY)


def test_an_implementation_is_used_for_the_very_signature_only(tmp_path: Path) -> None:
    signature = signature_of(SUM_DOCUMENT.spec)
    write(tmp_path, "one", SUM_IMPLEMENTATION, purpose="implementation", signature=signature.canonical)
    assert "sum([a, b])" in implementation(tmp_path, signature).output.code
    for change in ({"summary": "The sum of two numbers."}, {"parameters": None}):
        other = signature_of(SUM_DOCUMENT.spec.model_copy(update=change))
        with pytest.raises(NoRecording):
            implementation(tmp_path, other)


def contrasts(directory: Path, *pairs: tuple[str, str]) -> Completion[ContrastsReply]:
    question = Question("contrasts", PROMPT, ContrastsReply, ContrastsSubject("s", pairs))
    return RecordedModel.of(directory, "verifier").complete(question, PLENTY)


def test_a_pair_that_was_never_judged_is_unsure(tmp_path: Path) -> None:
    judged = {"judgements": [{"pair": "1", "verdict": "same"}, {"pair": "2", "verdict": "different"}]}
    write(tmp_path, "one", judged, purpose="contrasts", summary="s", pairs=[["a", "b"], ["a", "c"]])
    done = contrasts(tmp_path, ("a", "c"), ("a", "b"), ("b", "a"))
    assert [judgement.verdict for judgement in done.output.judgements] == ["different", "same", "unsure"]
    assert len(done.calls) == 1
    nothing = contrasts(tmp_path, ("x", "y"))
    assert [judgement.verdict for judgement in nothing.output.judgements] == ["unsure"] and not nothing.calls


def test_two_verdicts_that_differ_are_unsure(tmp_path: Path) -> None:
    for name, verdict in (("one", "same"), ("two", "different")):
        judged = {"judgements": [{"pair": "1", "verdict": verdict}, {"pair": "none", "verdict": "same"}]}
        write(tmp_path, name, judged, purpose="contrasts", summary="s", pairs=[["a", "b"]])
    assert contrasts(tmp_path, ("a", "b")).output.judgements[0].verdict == "unsure"


@pytest.mark.parametrize("content", ["no json", "{}", "[]", '{"role": "author", "purpose": "author"}'])
def test_a_file_that_is_no_recording_is_an_error_that_names_it(content: str, tmp_path: Path) -> None:
    (tmp_path / "author").mkdir()
    (tmp_path / "author" / "x.json").write_text(content)
    with pytest.raises(RecordingError, match=r"x\.json"):
        RecordedModel.of(tmp_path, "author")


class Scripted:
    """A model that gives one reply; the recorder does not care which."""

    def __init__(self, reply: BaseModel) -> None:
        self.reply = reply

    def complete(self, question: Question[R], allowance: Allowance) -> Completion[R]:
        call = ModelCall("author", question.purpose, "served", question.prompt.digest, 3, 4, 1.0)
        assert isinstance(self.reply, question.reply)
        return Completion(self.reply, (call,))


def test_what_is_recorded_can_be_replayed(tmp_path: Path) -> None:
    index = index_of(SUM_DOCUMENT)
    asked = missed("add 1 and 2", index)
    subject = AuthorSubject(asked, tuple(index))
    recorder = Recorder(Scripted(AuthorReply.model_validate(ADD)), "author", tmp_path, "a scripted test")
    recorder.complete(Question("author", PROMPT, AuthorReply, subject), PLENTY)
    (path,) = (tmp_path / "author").iterdir()
    content = json.loads(path.read_text())
    assert content["origin"] == "a scripted test" and content["model"] == "served"
    assert content["request"] == {"text": "add 1 and 2"} and content["promptDigest"] == PROMPT.digest
    assert content["base"] == core_digest(SUM_DOCUMENT.spec)
    assert author(tmp_path, "add 1 and 2", SUM_DOCUMENT).output == AuthorReply.model_validate(ADD)


def test_verifiers_are_recorded_by_what_was_asked(tmp_path: Path) -> None:
    signature = signature_of(SUM_DOCUMENT.spec)
    written = ImplementationReply.model_validate(SUM_IMPLEMENTATION)
    subject = ImplementationSubject(signature, Request(text="x"))
    Recorder(Scripted(written), "verifier", tmp_path, "test").complete(
        Question("implementation", PROMPT, ImplementationReply, subject), PLENTY
    )
    assert implementation(tmp_path, signature).output == written
    judged = ContrastsReply.model_validate({"judgements": [{"pair": 1, "verdict": "same"}]})
    Recorder(Scripted(judged), "verifier", tmp_path, "test").complete(
        Question("contrasts", PROMPT, ContrastsReply, ContrastsSubject("s", (("a", "b"),))), PLENTY
    )
    assert contrasts(tmp_path, ("a", "b")).output == judged
