"""What is built: revisions, reviews, statuses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from seglam.operator.desired import revision as desired
from seglam.operator.gather.documents import parsed
from seglam.operator.policies.chain import Verdict
from seglam.operator.seen import StatusSeen
from seglam.operator.status import body_of, condition, ready, status_of
from seglam.procedures import Spec, digest
from seglam.resources import ProcedureReview, ProcedureRevision
from tests.documents import document

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def test_a_revision_holds_the_document_without_deployment_and_keeps_its_digest() -> None:
    spec = document(sandbox={"isolation": "dedicated"}, activation={"mode": "Newest"}).spec
    name = digest(spec)
    body = desired.revision("team", "double", "u-1", name, ["alice"], spec, "rp-double", labels={"l": "v"})
    read = ProcedureRevision.model_validate(body)
    assert read.spec.digest == name
    assert digest(Spec.model_validate(body["spec"]["document"])) == name
    assert not {"sandbox", "activation"} & set(body["spec"]["document"])
    assert body["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "seglam-operator",
        "seglam.dev/procedure": "double",
        "seglam.dev/pool": "rp-double",
        "l": "v",
    }
    owner = read.metadata.owner_references[0]
    assert (owner.uid, owner.kind, owner.controller) == ("u-1", "ReasoningProcedure", True)
    assert read.metadata.name == f"double-{name[7:19]}"


def test_a_review_has_the_revisions_name_no_owner_and_no_decision() -> None:
    name = digest(document().spec)
    body = desired.review("team", "double", name, ["alice", "model:m"])
    read = ProcedureReview.model_validate(body)
    assert read.metadata.name == f"double-{name[7:19]}"
    assert not read.metadata.owner_references
    assert read.spec.authors == ["alice", "model:m"]
    assert read.spec.decisions is None


def test_a_condition_keeps_its_time_while_its_status_stays() -> None:
    first = status_of(StatusSeen(), 1, {"digest": "d", "gone": None}, [ready(Verdict("Verifying", "at work"))], NOW)
    assert first.field("digest") == "d"
    assert first.field("gone") is None
    later = NOW + timedelta(minutes=5)
    second = status_of(first, 2, {"digest": "d"}, [ready(Verdict("AwaitingReview", "who decides?"))], later)
    third = status_of(second, 2, {"digest": "d"}, [ready(Verdict("Active", "served", ready=True))], later)
    times = [status.conditions[0].last_transition_time for status in (first, second, third)]
    assert times == ["2026-11-21T12:00:00Z", "2026-11-21T12:00:00Z", "2026-11-21T12:05:00Z"]
    assert second.conditions[0].observed_generation == 2
    again = status_of(third, 2, {"digest": "d"}, [ready(Verdict("Active", "served", ready=True))], later + timedelta(1))
    assert again == third


def test_a_status_is_written_as_the_kinds_have_it() -> None:
    said = [condition("Stalled", False, "Progressing", "m"), condition("Ready", "Unknown", "R", "x" * 5000)]
    body = body_of(status_of(StatusSeen(), 7, {"revisions": 2}, said, NOW))
    assert body["observedGeneration"] == 7
    assert body["revisions"] == 2
    assert [each["type"] for each in body["conditions"]] == ["Ready", "Stalled"]
    assert len(body["conditions"][0]["message"]) == 1024
    assert body["conditions"][0]["status"] == "Unknown"


def test_faults_of_a_spec_name_field_character_and_remedy() -> None:
    good = document().model_dump(mode="json", by_alias=True, exclude_none=True)["spec"]
    found = {"metadata": {"name": "double", "generation": 4}, "spec": good}
    assert parsed("double", found).digest == digest(document().spec)
    bad = {**good, "match": {"patterns": [{"text": "double {n"}]}}
    read = parsed("double", {**found, "spec": bad})
    assert read.digest is None
    assert read.generation == 4
    assert read.problems[0].startswith("spec.match.patterns[0].text, character ")
    assert "; " in read.problems[0]
    unreadable = parsed("double", {**found, "spec": {**good, "limits": {"fuel": 1}}})
    assert unreadable.problems[0].startswith("spec.limits.fuel: ")


def test_only_the_first_faults_are_told_and_how_many_more_there_are() -> None:
    good = document().model_dump(mode="json", by_alias=True, exclude_none=True)["spec"]
    bad = {**good, "match": {"patterns": [{"text": f"(double {{n}} {number}"} for number in range(9)]}}
    problems = parsed("double", {"metadata": {"name": "double"}, "spec": bad}).problems
    assert len(problems) == 4
    assert problems[-1] == "and 6 more"
