"""What an import makes: procedures, the change of an existing one, and what is remembered of an import."""

from __future__ import annotations

from typing import Any

import pytest

from seglam.operator.desired import imported
from seglam.operator.gather.imports import TrustUnreadable, import_from, import_seen, policy_from, root_from
from seglam.operator.gather.wire import procedure_from
from seglam.operator.policies.activation import Origin
from seglam.operator.policies.chain import decide
from seglam.operator.policies.procedure import READY, Situation
from seglam.operator.policies.review import Standing, State
from seglam.operator.settings import Settings, SettingsInvalid
from seglam.packs.trust.decision import Decision, PackFacts, Step
from seglam.packs.trust.policy import TrustPolicy, TrustPolicySpec
from seglam.packs.trust.roots import TrustRoot
from seglam.procedures import digest
from seglam.procedures.document import Spec
from seglam.resources import names
from tests.documents import document

PACK = "registry.acme.example/calendar/easter"
DIGEST = "sha256:" + "1" * 64
SPEC = document("easter").spec


def live(**changes: Any) -> dict[str, Any]:
    """A procedure as the API server has it."""
    made = imported.procedure("shop", "easter", "calendar", f"{PACK}@1.0.0", SPEC, ["alice"])
    made["metadata"] |= {"uid": "u", "resourceVersion": "7"}
    return {**made, "spec": {**made["spec"], **changes}}


def test_a_procedure_says_whose_it_is_and_where_it_is_from() -> None:
    made = imported.procedure("shop", "easter", "calendar", f"{PACK}@1.0.0", SPEC, ["alice", "bob"])
    meta = made["metadata"]
    assert meta["labels"] == {names.LABEL_PACK_IMPORT: "calendar"}
    assert meta["annotations"] == {
        names.ANNOTATION_AUTHORS: "alice\nbob",
        names.ANNOTATION_PACK_RELEASE: f"{PACK}@1.0.0",
    }
    assert "ownerReferences" not in meta
    assert digest(Spec.model_validate(made["spec"])) == digest(SPEC)
    assert imported.is_of(made, "calendar") and not imported.is_of(made, "other")
    seen = procedure_from({**made, "metadata": {**meta, "uid": "u"}})
    assert (seen.pack_import, seen.release) == ("calendar", f"{PACK}@1.0.0")


def test_a_procedure_that_has_the_text_is_left_alone() -> None:
    assert imported.change(live(), f"{PACK}@1.0.0", SPEC, ["alice"]) == []
    moved = live(sandbox={"isolation": "dedicated"}, activation={"mode": "Newest"})
    assert imported.change(moved, f"{PACK}@1.0.0", SPEC, ["alice"]) == []


def test_another_text_has_the_importers_as_authors_and_keeps_where_it_runs() -> None:
    edited = live(code="def solve():\n    return 0\n", sandbox={"isolation": "dedicated"}, rules=[])
    edited["metadata"]["annotations"][names.ANNOTATION_AUTHORS] = "mallory"
    uid, version, spec, annotations = imported.change(edited, f"{PACK}@1.0.0", SPEC, ["alice"])
    assert (uid["value"], version["value"]) == ("u", "7")
    assert spec["value"] == {**imported.content(SPEC), "sandbox": {"isolation": "dedicated"}}
    assert annotations["value"][names.ANNOTATION_AUTHORS] == "alice"


def test_the_same_text_of_a_later_release_has_no_new_authors() -> None:
    cleared = live()
    cleared["metadata"]["annotations"][names.ANNOTATION_AUTHORS] = ""
    steps = imported.change(cleared, f"{PACK}@1.1.0", SPEC, ["alice"])
    assert [step["path"] for step in steps] == ["/metadata/uid", "/metadata/resourceVersion", "/metadata/annotations"]
    assert steps[-1]["value"] == {
        names.ANNOTATION_AUTHORS: "",
        names.ANNOTATION_PACK_RELEASE: f"{PACK}@1.1.0",
    }


def policy(name: str = "p", **changes: Any) -> TrustPolicy:
    spec = {"namespaces": ["*"], "packs": ["*"], "trustRoot": "r", "mode": "Key"}
    requirement = {"predicate": "release", "keys": ["0" * 64]}
    return TrustPolicy(name, TrustPolicySpec.model_validate(spec | {"require": [requirement]} | changes))


def test_what_a_decision_rests_on_decides_whether_it_is_signed_again() -> None:
    facts = PackFacts(PACK, "1.0.0", DIGEST)
    decision = Decision(True, "p", (Step("policy", True, "allowed", "words"),), "allowed")
    first = imported.decided(facts, decision, [policy()], "Key")
    assert first == imported.decided(facts, decision, [policy()], "Key")
    others = [
        imported.decided(PackFacts(PACK, "1.0.1", DIGEST), decision, [policy()], "Key"),
        imported.decided(facts, decision, [policy(approval="Review", index="Ignored")], "Key"),
        imported.decided(facts, decision, [policy("q")], "Key"),
        imported.decided(facts, decision, [policy()], "Keyless"),
    ]
    assert len({first, *others}) == 5


def an_import(**status: Any) -> dict[str, Any]:
    meta = {"name": "easter", "namespace": "shop", "uid": "u", "resourceVersion": "3", "generation": 1}
    meta["annotations"] = {names.ANNOTATION_AUTHORS: "alice"}
    return {"metadata": meta, "spec": {"pack": PACK, "version": "^1.0"}, "status": status}


def accepted(version: str, approval: str, *digests: str) -> dict[str, Any]:
    procedures = [{"name": "easter", "digest": each} for each in digests]
    return {"release": f"{PACK}@{version}", "digest": DIGEST, "approval": approval, "procedures": procedures}


def verified(state: str) -> dict[str, Any]:
    time = "2026-11-21T12:00:00Z"
    return {"type": "Verified", "status": state, "reason": "Yanked", "message": "taken", "lastTransitionTime": time}


OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def test_what_may_be_served_is_remembered_by_name_and_digest() -> None:
    seen = import_seen(an_import(accepted=[accepted("1.1.0", "Review", NEW), accepted("1.0.0", "Pack", OLD, NEW)]))
    assert seen.accepted == {("easter", OLD): "Pack", ("easter", NEW): "Review"}, (
        "the current release has the last word"
    )


def test_who_lacks_something_is_remembered() -> None:
    met = {**verified("False"), "type": "RequirementsMet", "reason": "RequirementMissing"}
    seen = import_seen(an_import(accepted=[accepted("1.1.0", "Review", NEW)], conditions=[met]))
    assert (seen.releases, seen.lacking) == ((f"{PACK}@1.1.0",), True)
    assert not import_seen(an_import(conditions=[{**met, "status": "True"}])).lacking


def test_nothing_accepted_is_told_from_nothing_decided() -> None:
    """The API server drops an empty list, and a backup the whole status."""
    assert import_seen(an_import()).accepted is None
    refused = import_seen(an_import(conditions=[verified("False")]))
    assert refused.accepted == {}
    assert refused.said == "Yanked: taken"


def test_what_cannot_be_read_is_said() -> None:
    broken = an_import() | {"spec": {"pack": PACK, "version": "1.0.0", "policy": "mine"}}
    assert "spec.policy" in str(import_from(broken).spec)
    named = {"metadata": {"name": "x"}}
    assert "spec" in str(policy_from(named | {"spec": {}}))
    assert "spec" in str(root_from(named | {"spec": {}}))
    assert isinstance(root_from(named | {"spec": {"keyless": "{}"}}), TrustRoot)
    assert issubclass(TrustUnreadable, Exception)


PENDING = Standing(State.PENDING)


@pytest.mark.parametrize(
    ("origin", "active", "reason"),
    [
        (Origin.REFUSED, None, "PackRefused"),
        (Origin.UNDECIDED, None, "Progressing"),
        (Origin.UNDECIDED, "d", "Active"),
        (Origin.REVIEW, None, "AwaitingReview"),
        (Origin.PACK, None, "Progressing"),
        (Origin.PACK, "d", "Active"),
        (Origin.HERE, None, "AwaitingReview"),
    ],
)
def test_what_is_said_of_an_imported_procedure(origin: Origin, active: str | None, reason: str) -> None:
    given = Situation(
        digest="d", authors=("alice",), verified=True, review=PENDING, review_name="r", active=active, origin=origin
    )
    verdict = decide(READY, given)
    assert (verdict.reason, verdict.ready) == (reason, reason == "Active")


def test_a_quarantine_here_is_said_before_what_the_pack_says() -> None:
    stopped = Standing(State.QUARANTINED, ("bob",))
    for origin in Origin:
        assert (
            decide(READY, Situation(digest="d", authors=("a",), review=stopped, origin=origin)).reason == "Quarantined"
        )


def test_settings_of_imports() -> None:
    assert Settings.from_environ({}).imports.signing == "key"
    files = {"SEGLAM_IMPORT_TRUST_FILE": "/t", "SEGLAM_IMPORT_TOKEN_FILE": "/k"}
    assert Settings.from_environ({"SEGLAM_IMPORT_SIGNING": "keyless", **files}).imports.signing == "keyless"
    with pytest.raises(SettingsInvalid, match="SEGLAM_IMPORT_TRUST_FILE"):
        Settings.from_environ({"SEGLAM_IMPORT_SIGNING": "keyless"})
