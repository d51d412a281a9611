"""Policies and roots as people write them: what is taken, what is refused, and in which words."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from seglam.packs.trust import Requirement, TrustPolicy, TrustPolicySpec, TrustRoot, TrustRootSpec
from seglam.packs.trust.policy import matching
from seglam.packs.trust.signing.key import KeySigner
from seglam.packs.trust.signing.protocol import SigningFailed

ONE, TWO = KeySigner.generate(), KeySigner.generate()
SOMEBODY = {"issuer": "https://issuer.example", "subject": "somebody@acme.example"}


def written(**changes: Any) -> dict[str, Any]:
    members: dict[str, Any] = {
        "namespaces": ["shop", "shop-*"],
        "packs": ["registry.acme.example/tools/*"],
        "trustRoot": "acme",
        "mode": "Keyless",
        "require": [{"predicate": "release", "identities": [SOMEBODY]}],
    }
    return {name: value for name, value in (members | changes).items() if value is not None}


def require(**changes: Any) -> list[dict[str, Any]]:
    members: dict[str, Any] = {"predicate": "release", "identities": [SOMEBODY]}
    return [{name: value for name, value in (members | changes).items() if value is not None}]


def test_defaults_are_the_strict_ones() -> None:
    spec = TrustPolicySpec.model_validate(written())
    assert (spec.index, spec.approval, spec.require[0].threshold) == ("Required", "Review", 1)
    assert spec.require[0].count == "Signers"
    assert spec.require[0].age is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"require": []}, "at least 1 item"),
        ({"require": require(identities=None)}, "mode Keyless needs identities"),
        ({"require": require(identities=[])}, "mode Keyless needs identities"),
        ({"require": require(keys=[ONE.identity])}, "mode Keyless takes no keys"),
        ({"mode": "Key"}, "mode Key needs keys"),
        ({"mode": "Key", "require": require(keys=[ONE.identity])}, "mode Key takes no identities"),
        ({"mode": "Any"}, "'Keyless' or 'Key'"),
        ({"require": require(threshold=2)}, "threshold 2 of 1 signers is never met"),
        ({"require": require(identities=[SOMEBODY, SOMEBODY])}, "a signer is there twice"),
        ({"require": require(count="Reviewers")}, "for reviews only"),
        ({"require": require(predicate="status")}, "'release'"),
        ({"require": require(maxAge="soon")}, "should match pattern"),
        ({"require": require(identities=[{"subject": "somebody@acme.example"}])}, "Field required"),
        ({"require": require(identities=[{"issuer": "https://i.example"}])}, "Field required"),
        ({"approval": "Pack"}, "approval: Pack needs a required review"),
        ({"packs": ["registry.acme.example/tools*"]}, "should match pattern"),
        ({"packs": ["registry.acme.example/*/arithmetic"]}, "should match pattern"),
        ({"packs": []}, "at least 1 item"),
        ({"namespaces": []}, "at least 1 item"),
        ({"namespaces": ["[a-z]"]}, "should match pattern"),
        ({"trustRoot": None}, "Field required"),
        ({"more": 1}, "Extra inputs"),
        (
            {"mode": "Key", "require": require(identities=None, keys=[ONE.identity], maxAge="1d")},
            "states no time",
        ),
    ],
)
def test_a_policy_that_means_nothing_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TrustPolicySpec.model_validate(written(**changes))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "age"), [("1m", timedelta(minutes=1)), ("36h", timedelta(hours=36)), ("90d", timedelta(days=90))]
)
def test_ages(text: str, age: timedelta) -> None:
    assert Requirement.model_validate(require(maxAge=text)[0]).age == age


@pytest.mark.parametrize(
    ("packs", "pack", "matches"),
    [
        (["*"], "a.example/ns/pack", True),
        (["a.example/*"], "a.example/ns/pack", True),
        (["a.example/*"], "a.example.evil/ns/pack", False),
        (["a.example/ns/*"], "a.example/ns/pack", True),
        (["a.example/ns/*"], "a.example/ns-evil/pack", False),
        (["a.example/ns/pack"], "a.example/ns/pack", True),
        (["a.example/ns/pack"], "a.example/ns/pack-2", False),
        (["a.example/ns/pack"], "b.example/ns/pack", False),
    ],
)
def test_which_packs_a_policy_is_for(packs: list[str], pack: str, matches: bool) -> None:
    policy = TrustPolicy("p", TrustPolicySpec.model_validate(written(packs=packs)))
    assert bool(matching([policy], "shop", pack)) == matches
    assert matching([policy], "other", pack) == ()


def test_tenants_by_glob() -> None:
    policy = TrustPolicy("p", TrustPolicySpec.model_validate(written(packs=["*"], namespaces=["shop-?", "a*z"])))
    found = [name for name in ("shop-1", "shop-12", "shop", "az", "abz", "ab") if matching([policy], name, "a.b/c/d")]
    assert found == ["shop-1", "az", "abz"]


@given(st.permutations(["*", "a.example/*", "a.example/ns/*", "a.example/ns/pack"]))
def test_the_order_of_policies_does_not_matter(packs: list[str]) -> None:
    policies = [TrustPolicy(each, TrustPolicySpec.model_validate(written(packs=[each]))) for each in packs]
    assert [each.name for each in matching(policies, "shop", "a.example/ns/pack")] == ["a.example/ns/pack"]
    assert [each.name for each in matching(policies, "shop", "a.example/ns/other")] == ["a.example/ns/*"]
    assert [each.name for each in matching(policies, "shop", "b.example/ns/pack")] == ["*"]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({}, "it believes nobody"),
        ({"keys": []}, "it believes nobody"),
        ({"keys": [ONE.public, ONE.public]}, "a key id is there twice"),
        (
            {"keyless": "{}", "sources": [{"origin": "a.example", "url": "https://a.example"}] * 2},
            "an origin is there twice",
        ),
        ({"keyless": "{}", "sources": [{"origin": "a.example", "url": "file:///etc"}]}, "should match pattern"),
        ({"keyless": "{}", "sources": [{"origin": "A.example", "url": "https://a.example"}]}, "should match pattern"),
        ({"keys": [{"id": "short", "pem": "x"}]}, "should match pattern"),
    ],
)
def test_a_root_that_means_nothing_is_refused(spec: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TrustRootSpec.model_validate(spec)
    assert words in str(caught.value)


def test_a_root_says_where_packs_of_an_origin_are() -> None:
    sources = [{"origin": "a.example", "url": "https://mirror.example"}]
    root = TrustRoot.of("r", TrustRootSpec.model_validate({"keys": [ONE.public], "sources": sources}))
    assert root.source("a.example") == "https://mirror.example"
    assert root.source("b.example") is None
    assert root.keys == {ONE.identity: ONE.public.pem}


def test_a_key_that_cannot_sign_is_refused_in_words() -> None:
    for pem in (b"", b"nonsense", TWO.public.pem.encode()):
        with pytest.raises(SigningFailed) as caught:
            KeySigner(pem)
        assert caught.value.code == "key"
    assert KeySigner(ONE.private_pem).identity == ONE.identity


def test_policies_and_roots_are_light_to_import() -> None:
    """The kinds of the cluster import them."""
    heavy = ("sigstore", "tuf", "httpx2", "cryptography", "requests")
    code = f"import seglam.packs.trust, sys; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_gate_in_key_mode_needs_no_sigstore() -> None:
    code = "import seglam.packs.trust.gate, seglam.packs.trust.signing.key, sys; print('sigstore' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
