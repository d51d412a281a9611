"""The gate in key mode: what is allowed, and for each thing that is wrong, the code that says so."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from seglam.packs.trust import Asked, PackFacts, ProcedureFacts, PublicKey, TrustRoot, TrustRootSpec
from seglam.packs.trust.gate import MAX_BUNDLES, decide, examine
from seglam.packs.trust.keys import pae, sign
from seglam.packs.trust.predicates import ReviewedProcedure, VerificationSummary
from seglam.packs.trust.signing.key import KeySigner
from seglam.packs.trust.statements import Statement
from seglam.packs.trust.summaries import verification_summary
from tests.trust import (
    NOW,
    PACK,
    codes,
    judge,
    key_root,
    listed,
    needs,
    policy,
    provenance,
    ran,
    release,
    review,
    statement,
    status,
    text,
)

REGISTRY, PUBLISHER, ALICE, BOB = (KeySigner.generate() for _ in range(4))
TESTER = KeySigner(Ed25519PrivateKey.generate())
ROOT = key_root(REGISTRY, PUBLISHER, ALICE, BOB, TESTER)
NAMES = (REGISTRY, PUBLISHER, ALICE, BOB, TESTER)
FULL = policy(
    needs("release", REGISTRY),
    needs("provenance", PUBLISHER),
    needs("test-result", TESTER),
    needs("review", ALICE, BOB),
)


def evidence() -> list[bytes]:
    """All bundles that `FULL` requires."""
    return [
        REGISTRY.sign(statement(release())),
        PUBLISHER.sign(statement(provenance())),
        TESTER.sign(statement(ran())),
        ALICE.sign(statement(review("alice"))),
    ]


def altered(bundle: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    document = json.loads(bundle)
    change(document)
    return json.dumps(document).encode()


def resigned(signer: KeySigner, payload: bytes, kind: str = "application/vnd.in-toto+json") -> bytes:
    """A bundle of any payload at all, signed by a key that counts, as a signer without checks would make it."""

    def change(document: dict[str, Any]) -> None:
        document["dsseEnvelope"] |= {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": kind,
            "signatures": [{"sig": base64.b64encode(sign(signer._key, pae(kind, payload))).decode()}],
        }

    return altered(signer.sign(statement(release())), change)


# --- allowed -----------------------------------------------------------------------------------------------------


def test_everything_that_is_required_is_there() -> None:
    decision = judge(evidence(), FULL, ROOT)
    assert decision.allowed, codes(decision)
    assert decision.code == "allowed"
    assert decision.policy == "policy"
    assert {each.kind for each in decision.verified} == {"release", "provenance", "test-result", "review"}
    assert all(step.words.endswith(".") and step.passed for step in decision.steps)
    assert {step.name for step in decision.steps} >= {"policy", "asked", "index", "bundle", "status", "require:review"}


def test_the_decision_is_plain_json_for_reports() -> None:
    document = judge(evidence(), FULL, ROOT).document()
    assert json.loads(json.dumps(document)) == document
    assert {each["predicate"]: each["signer"] for each in document["bundles"]}["release"] == REGISTRY.identity


@pytest.mark.parametrize("left_out", range(4))
def test_every_bundle_is_needed(left_out: int) -> None:
    """Signature stripping: whatever is dropped on the way, the pack is refused."""
    bundles = evidence()
    del bundles[left_out]
    decision = judge(bundles, FULL, ROOT)
    assert not decision.allowed
    assert decision.code == "predicate-missing"
    assert decision.verified == ()


def test_a_bundle_that_does_not_hold_denies_nothing_by_itself() -> None:
    """Anybody may attach a bundle to a pack in a registry; that must not stop the pack."""
    junk = [b"{}", b"junk", KeySigner.generate().sign(statement(release()))]
    decision = judge([*junk, *evidence()], FULL, ROOT)
    assert decision.allowed
    assert codes(decision) == ["bundle: malformed", "bundle: malformed", "bundle: key"]


# --- policies ----------------------------------------------------------------------------------------------------


def test_without_a_policy_nothing_is_allowed() -> None:
    for policies in ([], [policy(needs("release", REGISTRY), namespaces=["other"])]):
        decision = judge(evidence(), policies, ROOT)
        assert (decision.allowed, decision.code, decision.policy) == (False, "no-policy", None)


def test_the_most_specific_pack_prefix_decides() -> None:
    wide = policy(needs("release", REGISTRY), name="wide", packs=["registry.acme.example/*"])
    narrow = policy(needs("release", ALICE), name="narrow", packs=["registry.acme.example/tools/*"])
    exact = policy(needs("release", REGISTRY), name="exact", packs=["registry.acme.example/tools/arithmetic"])
    assert judge(evidence(), [wide], ROOT).allowed
    assert judge(evidence(), [wide, narrow], ROOT).code == "key"
    assert judge(evidence(), [wide, narrow, exact], ROOT).policy == "exact"


def test_policies_of_equal_rank_must_all_allow() -> None:
    one, other = policy(needs("release", REGISTRY), name="one"), policy(needs("release", ALICE), name="other")
    decision = judge(evidence(), [other, one], ROOT)
    assert (decision.allowed, decision.policy, decision.code) == (False, "one,other", "key")
    assert judge(evidence(), [one, replace(one, name="again")], ROOT).allowed


def test_a_prefix_ends_at_a_slash() -> None:
    """`registry.acme.example/tools/*` is not for `registry.acme.example/tools-evil/...`."""
    tools = policy(needs("release", REGISTRY), packs=["registry.acme.example/tools/*"])
    evil = replace(PACK, name="registry.acme.example/tools-evil/arithmetic")
    decision = judge(evidence(), tools, ROOT, pack=evil, asked=Asked(name=evil.name))
    assert decision.code == "no-policy"


def test_a_root_that_is_missing_or_believes_nobody_denies() -> None:
    assert judge(evidence(), FULL).code == "no-root"
    assert judge(evidence(), FULL, key_root(REGISTRY)).code == "no-root"
    keyless = policy(needs("release", {"issuer": "https://i.example", "subject": "a@b.example"}), trustRoot="keys")
    assert judge(evidence(), keyless, ROOT).code == "no-root"
    broken = TrustRoot.of("sigstore", TrustRootSpec(keyless='{"mediaType": "none"}'))
    named = policy(needs("release", {"issuer": "https://i.example", "subject": "a@b.example"}))
    assert judge(evidence(), named, broken).code == "no-root"


# --- what was asked for ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (Asked(name="registry.acme.example/tools/algebra"), "name"),
        (Asked(name=PACK.name, version="1.2.1"), "version"),
        (Asked(digest="sha256:" + "b" * 64), "digest"),
        (Asked(), "name"),
        (Asked(version=PACK.version), "name"),
    ],
)
def test_another_pack_than_was_asked_for_is_refused(asked: Asked, code: str) -> None:
    decision = judge(evidence(), FULL, ROOT, asked=asked)
    assert (decision.allowed, decision.code) == (False, code)


# --- transplant --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "code"),
    [
        (replace(PACK, version="1.2.1"), "version"),
        (replace(PACK, name="registry.acme.example/tools/algebra"), "name"),
        (replace(PACK, name="mirror.example/tools/arithmetic"), "name"),
        (replace(PACK, digest="sha256:" + "b" * 64), "digest"),
    ],
)
def test_bundles_of_another_pack_do_not_count(other: PackFacts, code: str) -> None:
    decision = judge([REGISTRY.sign(statement(release(other), other))], policy(needs("release", REGISTRY)), ROOT)
    assert (decision.allowed, decision.code) == (False, code)


def test_a_statement_of_another_kind_does_not_count() -> None:
    decision = judge([REGISTRY.sign(statement(ran()))], policy(needs("release", REGISTRY)), ROOT)
    assert decision.code == "predicate-missing"


def test_a_predicate_about_another_release_than_its_subject_does_not_count() -> None:
    other = replace(PACK, version="9.9.9")
    decision = judge([REGISTRY.sign(statement(release(other)))], policy(needs("release", REGISTRY)), ROOT)
    assert decision.code == "subject"


# --- bundles -----------------------------------------------------------------------------------------------------


def _payload(change: Callable[[dict[str, Any]], object]) -> bytes:
    document = json.loads(statement(release()))
    change(document)
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("bundle", "code"),
    [
        (resigned(REGISTRY, statement(release()).replace(b'"_type"', b'"_type":"","_type"')), "duplicate-key"),
        (resigned(REGISTRY, statement(release()), "application/json"), "payload-type"),
        (resigned(REGISTRY, _payload(lambda d: d.update(predicateType="https://evil.example/v1"))), "predicate-type"),
        (resigned(REGISTRY, _payload(lambda d: d.update(_type="https://in-toto.io/Statement/v0.1"))), "malformed"),
        (resigned(REGISTRY, _payload(lambda d: d.update(more=1))), "malformed"),
        (resigned(REGISTRY, _payload(lambda d: d["predicate"].update(more=1))), "malformed"),
        (resigned(REGISTRY, _payload(lambda d: d["subject"].append(d["subject"][0]))), "subject"),
        (resigned(REGISTRY, _payload(lambda d: d["subject"][0]["digest"].update(sha512="0" * 128))), "subject"),
        (resigned(REGISTRY, _payload(lambda d: d["subject"][0].update(uri="x"))), "subject"),
        (resigned(REGISTRY, b"[" * 100_000), "malformed"),
        (resigned(REGISTRY, b'{"a": 1.5}'), "malformed"),
        (b"[]", "malformed"),
        (b"\xff", "malformed"),
        (b" " * (8 * 1024 * 1024 + 1), "too-large"),
    ],
)
def test_what_is_not_a_strict_statement_is_refused(bundle: bytes, code: str) -> None:
    assert examine(bundle, [ROOT], PACK).code == code
    assert not judge([bundle], policy(needs("release", REGISTRY)), ROOT).allowed


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda d: d["verificationMaterial"]["publicKey"].update(hint=PUBLISHER.identity), "signature"),
        (lambda d: d["verificationMaterial"]["publicKey"].update(hint="0" * 64), "key"),
        (lambda d: d["verificationMaterial"].update(certificate={"rawBytes": "AA=="}), "malformed"),
        (lambda d: d["verificationMaterial"].pop("publicKey"), "malformed"),
        (lambda d: d["verificationMaterial"].update(tlogEntries=[{}]), "malformed"),
        (lambda d: d["verificationMaterial"]["publicKey"].update(rawBytes="AA=="), "malformed"),
        (lambda d: d["dsseEnvelope"]["signatures"].append(d["dsseEnvelope"]["signatures"][0]), "malformed"),
        (lambda d: d["dsseEnvelope"]["signatures"].clear(), "malformed"),
        (lambda d: d["dsseEnvelope"].update(payload="!"), "malformed"),
        (lambda d: d.update(messageSignature={}), "malformed"),
        (lambda d: d.update(mediaType="application/vnd.dev.sigstore.bundle+json;version=0.1"), "malformed"),
    ],
)
def test_an_altered_bundle_is_refused(change: Callable[[dict[str, Any]], object], code: str) -> None:
    bundle = altered(REGISTRY.sign(statement(release())), change)
    assert examine(bundle, [ROOT], PACK).code == code


def test_one_changed_byte_of_the_payload_is_refused() -> None:
    bundle = json.loads(REGISTRY.sign(statement(release())))
    payload = bytearray(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    payload[-10] ^= 1
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(bytes(payload)).decode()
    assert examine(json.dumps(bundle).encode(), [ROOT], PACK).code == "signature"


def test_a_duplicate_member_of_the_bundle_is_refused() -> None:
    bundle = REGISTRY.sign(statement(release())).replace(b'{"dsse', b'{"mediaType":"x","dsse', 1)
    assert examine(bundle, [ROOT], PACK).code == "duplicate-key"


def test_a_root_that_lists_another_key_under_an_id_is_refused() -> None:
    swapped = TrustRoot.of("keys", TrustRootSpec(keys=[PublicKey(id=REGISTRY.identity, pem=ALICE.public.pem)]))
    bundle = ALICE.sign(statement(release())).replace(ALICE.identity.encode(), REGISTRY.identity.encode())
    assert examine(bundle, [swapped], PACK).code == "key"


def test_too_many_or_too_large_bundles_are_refused() -> None:
    decision = judge(evidence() * MAX_BUNDLES, FULL, ROOT)
    assert not decision.allowed
    assert "bundle: too-large" in codes(decision)
    large = [b" " * 7_000_000] * 5
    assert "bundle: too-large" in codes(judge([*evidence(), *large], FULL, ROOT))


def test_a_gate_that_fails_denies() -> None:
    assert judge(evidence(), FULL, ROOT, now=NOW.replace(tzinfo=None)).code == "internal"
    broken: Any = None
    decision = decide(broken, [], [FULL], {}, namespace="shop", asked=Asked(), index=None, now=NOW)
    assert (decision.allowed, decision.code) == (False, "internal")


# --- index -------------------------------------------------------------------------------------------------------

INDEXED = policy(needs("release", REGISTRY), index="Required")


@pytest.mark.parametrize(
    ("index", "code"),
    [
        (None, "index-missing"),
        (listed(listed_digest=None, status=None), "index-unlisted"),
        (listed(listed_digest="sha256:" + "b" * 64), "index-digest"),
        (listed(snapshot_version=6), "index-rollback"),
        (listed(expires=NOW), "index-expired"),
        (listed(status="yanked"), "yanked"),
        (listed(status="quarantined"), "quarantined"),
        (listed(status="deleted", listed_digest=None), "deleted"),
        (listed(), "allowed"),
        (listed(expires=NOW, waiver="carol: the link is down"), "allowed"),
    ],
)
def test_the_index_decides(index: Any, code: str) -> None:
    decision = judge(evidence(), INDEXED, ROOT, index=index)
    assert (decision.code, decision.allowed) == (code, code == "allowed")


def test_a_waiver_is_recorded_and_waives_nothing_but_the_expiry() -> None:
    waived = listed(expires=NOW, waiver="carol: the link is down")
    step = next(step for step in judge(evidence(), INDEXED, ROOT, index=waived).steps if step.name == "index")
    assert step.detail["waiver"] == "carol: the link is down"
    assert judge(evidence(), INDEXED, ROOT, index=replace(waived, snapshot_version=1)).code == "index-rollback"


def test_an_index_that_is_ignored_can_still_take_a_pack_out_of_use() -> None:
    ignoring = policy(needs("release", REGISTRY))
    assert judge(evidence(), ignoring, ROOT, index=listed(status="quarantined")).code == "quarantined"
    assert judge(evidence(), ignoring, ROOT, index=listed(expires=NOW, snapshot_version=1)).allowed


def test_the_latest_status_of_the_registry_holds() -> None:
    one = policy(needs("release", REGISTRY))
    yanked = REGISTRY.sign(statement(status("yanked", NOW - timedelta(hours=2))))
    restored = REGISTRY.sign(statement(status("restored", NOW - timedelta(hours=1))))
    stranger = ALICE.sign(statement(status("quarantined")))
    assert judge([*evidence(), yanked], one, ROOT).code == "yanked"
    assert judge([*evidence(), restored, yanked], one, ROOT).allowed
    assert judge([*evidence(), stranger], one, ROOT).allowed, "only who signs releases takes one out of use"


# --- reviews -----------------------------------------------------------------------------------------------------

TWO = policy(needs("provenance", PUBLISHER), needs("review", ALICE, BOB, PUBLISHER, threshold=2))


def reviewed(*bundles: bytes, by: Any = TWO) -> str:
    return judge([PUBLISHER.sign(statement(provenance())), *bundles], by, ROOT).code


def test_two_people_must_approve() -> None:
    alice, bob = ALICE.sign(statement(review("alice"))), BOB.sign(statement(review("bob")))
    assert reviewed(alice, bob) == "allowed"
    assert reviewed(alice) == "threshold"


def test_one_identity_counts_once() -> None:
    """However many bundles, and under however many names."""
    assert reviewed(*(ALICE.sign(statement(review(name))) for name in ("alice", "alex", "ALICE"))) == "threshold"


def test_one_person_with_two_keys_counts_once() -> None:
    both = [ALICE.sign(statement(review("alice"))), BOB.sign(statement(review("Alice")))]
    assert reviewed(*both) == "threshold"


def test_reviewers_are_matched_to_signers_as_well_as_possible() -> None:
    bundles = [ALICE.sign(statement(review(name))) for name in ("dora", "alice")]
    assert reviewed(*bundles, BOB.sign(statement(review("alice")))) == "allowed"


@pytest.mark.parametrize("name", ["carol", "Carol"])
def test_nobody_approves_their_own_work(name: str) -> None:
    one = policy(needs("provenance", PUBLISHER), needs("review", ALICE))
    assert reviewed(ALICE.sign(statement(review(name))), by=one) == "self-review"
    forgetful = ALICE.sign(statement(review(name, authors=["somebody else"])))
    assert reviewed(forgetful, by=one) == "self-review", "the provenance names the author whom the review leaves out"


def test_whoever_made_the_pack_does_not_review_it_under_another_name() -> None:
    one = policy(needs("provenance", PUBLISHER), needs("review", PUBLISHER))
    assert reviewed(PUBLISHER.sign(statement(review("alice"))), by=one) == "self-review"


def test_a_witness_reports_the_reviews_that_it_saw() -> None:
    seen = policy(needs("provenance", PUBLISHER), needs("review", PUBLISHER, threshold=2, count="Reviewers"))
    alice, bob, carol = (PUBLISHER.sign(statement(review(name))) for name in ("alice", "bob", "carol"))
    assert reviewed(alice, bob, by=seen) == "allowed"
    assert reviewed(alice, PUBLISHER.sign(statement(review("ALICE"))), by=seen) == "threshold"
    assert reviewed(alice, carol, by=seen) == "threshold"


def test_a_service_account_is_one_person_under_both_of_its_names() -> None:
    account = "system:serviceaccount:shop:compiler"
    made = PUBLISHER.sign(statement(provenance(authors=[account])))
    own = ALICE.sign(statement(review("https://kubernetes.io/namespaces/shop/serviceaccounts/compiler", authors=["x"])))
    one = policy(needs("provenance", PUBLISHER), needs("review", ALICE))
    assert judge([made, own], one, ROOT).code == "self-review"


def test_every_procedure_must_be_reviewed_at_its_digest() -> None:
    half = [ReviewedProcedure(name="add", digest=PACK.procedures[0].digest)]
    stale = [*half, ReviewedProcedure(name="subtract", digest="sha256:" + "9" * 64)]
    one = policy(needs("provenance", PUBLISHER), needs("review", ALICE))
    for procedures in (half, stale):
        assert reviewed(ALICE.sign(statement(review(procedures=procedures))), by=one) == "procedures"


def test_a_rejection_outweighs_every_approval() -> None:
    no = BOB.sign(statement(review("bob", decision="reject", reason="wrong")))
    one = policy(needs("provenance", PUBLISHER), needs("review", ALICE, BOB))
    assert reviewed(ALICE.sign(statement(review("alice"))), no, by=one) == "rejected"


def test_a_review_ends_when_it_says() -> None:
    one = policy(needs("provenance", PUBLISHER), needs("review", ALICE))
    assert reviewed(ALICE.sign(statement(review(expires=text(NOW)))), by=one) == "expired"
    assert reviewed(ALICE.sign(statement(review(expires=text(NOW + timedelta(seconds=1))))), by=one) == "allowed"


def test_a_statement_may_be_too_old_or_from_the_future() -> None:
    recent = policy(needs("provenance", PUBLISHER), needs("review", ALICE, maxAge="90d"))
    old, new, future = (ALICE.sign(statement(review(time=text(NOW + timedelta(days=days))))) for days in (-91, -89, 1))
    assert [reviewed(each, by=recent) for each in (old, new, future)] == ["expired", "allowed", "expired"]


def test_a_reviewer_who_is_no_longer_named_counts_no_more() -> None:
    now_without_bob = policy(needs("provenance", PUBLISHER), needs("review", ALICE))
    assert reviewed(BOB.sign(statement(review("bob"))), by=now_without_bob) == "key"


def test_reviews_count_as_approval_only_if_the_policy_says_so() -> None:
    trusting = policy(needs("provenance", PUBLISHER), needs("review", ALICE), approval="Pack")
    bundles = [PUBLISHER.sign(statement(provenance())), ALICE.sign(statement(review()))]
    assert judge(bundles, trusting, ROOT).approval == "Pack"
    assert judge(bundles, [trusting, policy(needs("review", ALICE), name="strict")], ROOT).approval == "Review"


# --- other statements --------------------------------------------------------------------------------------------


def test_tests_must_have_passed() -> None:
    one = policy(needs("test-result", TESTER, PUBLISHER))
    failed, warned, passed = (TESTER.sign(statement(ran(result))) for result in ("FAILED", "WARNED", "PASSED"))
    assert judge([warned], one, ROOT).code == "threshold"
    assert judge([passed, failed], one, ROOT).code == "test-failed"
    assert judge([passed, ALICE.sign(statement(ran("FAILED")))], one, ROOT).allowed, "a stranger's word is none"


def test_a_provenance_must_tell_of_every_procedure() -> None:
    one = policy(needs("provenance", PUBLISHER))
    more = replace(PACK, procedures=(*PACK.procedures, ProcedureFacts("multiply", "sha256:" + "3" * 64)))
    assert judge([PUBLISHER.sign(statement(provenance()))], one, ROOT, pack=more).code == "procedures"


def test_a_verification_summary_is_evidence_for_the_next_one() -> None:
    signed = ALICE.sign(
        verification_summary(PACK, judge(evidence(), FULL, ROOT), verifier="https://b.example/operator", time=NOW)
    )
    found = examine(signed, [ROOT], PACK)
    assert found.verified is not None
    summary = found.verified.statement.predicate
    assert isinstance(summary, VerificationSummary)
    assert len(summary.input_attestations) == 4
    assert summary.verified_levels == ["SEGLAM_PROVENANCE", "SEGLAM_RELEASE", "SEGLAM_REVIEW", "SEGLAM_TEST_RESULT"]
    one = policy(needs("verification-summary", ALICE))
    assert judge([signed], one, ROOT).allowed
    refused = ALICE.sign(verification_summary(PACK, judge([], FULL, ROOT), verifier="https://b.example", time=NOW))
    assert judge([refused], one, ROOT).code == "rejected"


def test_a_statement_keeps_its_bytes_through_reading() -> None:
    for predicate in (release(), provenance(), ran(), review(), status("yanked")):
        data = statement(predicate)
        assert Statement.read(data).to_bytes() == data


def test_a_time_that_is_none_is_refused_when_it_is_read() -> None:
    data = statement(review()).replace(text(NOW - timedelta(days=1)).encode(), b"2026-02-30T00:00:00Z")
    assert examine(resigned(ALICE, data), [ROOT], PACK).code == "malformed"
