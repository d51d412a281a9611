"""sigstore's own conformance cases for bundles, by the verification that the gate uses.

The suite says which bundles a client must accept. We accept none that it refuses. Four that it accepts are refused
here, each for a reason that is stated below; and most sign bare bytes, which the gate refuses before it verifies
anything, since only statements count. Those are verified here all the same, by the same code with another last step.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import json
from pathlib import Path
from typing import Any

import pytest
from sigstore.models import Bundle
from sigstore.verify import Verifier
from sigstore.verify.policy import VerificationPolicy

from seglam.packs.trust import PackFacts, TrustRoot, TrustRootSpec
from seglam.packs.trust.decision import Refused
from seglam.packs.trust.examination import examine
from seglam.packs.trust.keyless import checked

HERE = Path(__file__).parent / "conformance"
LINES = [json.loads(line) for line in (HERE / "cases.jsonl").read_text().splitlines()]
ROOTS = {line["root"]: json.dumps(line["document"]) for line in LINES if "document" in line}
CASES: dict[str, dict[str, Any]] = {line["name"]: line for line in LINES if "name" in line}
BEACON = (
    "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/"
    "extremely-dangerous-oidc-beacon.yml@refs/heads/main"
)
ACTIONS = "https://token.actions.githubusercontent.com"

# What the suite accepts and we refuse, and why.
STRICTER = {
    "intoto-with-custom-trust-root": "signature",  # a log entry of the old type `intoto`, which sigstore-python refuses
    "managed-key-and-trusted-root": "malformed",  # a key over bare bytes: key mode takes statements only
    "managed-key-happy-path": "malformed",  # the same
    "trust-root-tsa-validity-end-inclusive": "signature",  # sigstore-python excludes the end of a window
}
# Why each of the others is refused.
REFUSED = {
    "bundle-empty-certificate-chain_fail": "malformed",
    "bundle-from-wrong-instance_fail": "untrusted",
    "bundle-invalid-base64-signature_fail": "malformed",
    "bundle-malformed-json_fail": "malformed",
    "bundle-negative-log-index_fail": "malformed",
    "bundle-unknown-version_fail": "malformed",
    "bundle-with-root-cert_fail": "malformed",
    "integrated-time-in-future_fail": "untrusted",
    "intoto-missing-inclusion-proof_fail": "malformed",
    "invalid-inclusion-proof_fail": "malformed",
    "managed-key-no-key_fail": "malformed",
    "managed-key-wrong-key_fail": "malformed",
    "rekor2-no-inclusion-proof_fail": "malformed",
    "rekor2-no-timestamp_fail": "malformed",
    "rekor2-timestamp-untrusted-tsa-with-embedded-cert_fail": "malformed",
    "rekor2-timestamp-with-incorrect-time_fail": "untrusted",
    "trust-root-tlog-missing-validity-start_fail": "log-window",
}


def production() -> str:
    """The trusted root of the public instance, which sigstore-python ships."""
    store = importlib.resources.files("sigstore._store")
    return (store / "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev" / "trusted_root.json").read_text()


def outcome(case: dict[str, Any]) -> str:
    """`accepted`, or the code of the refusal."""
    artifact = case.get("artifact", (HERE / "default.txt").read_text()).encode()

    def check(verifier: Verifier, bundle: Bundle, policy: VerificationPolicy) -> None:
        if "dsseEnvelope" not in case["bundle"]:
            verifier.verify_artifact(artifact, bundle, policy)
            return
        _, payload = verifier.verify_dsse(bundle, policy)
        digests = {each["digest"].get("sha256") for each in json.loads(payload)["subject"]}
        if hashlib.sha256(artifact).hexdigest() not in digests:
            raise ValueError("the statement is about another artifact")

    root = ROOTS[case["root"]] if "root" in case else production()
    try:
        _, signature = checked(case["bundle"].encode(), root, check)
    except Refused as error:
        return error.code
    named = (case.get("issuer", ACTIONS), case.get("identity", BEACON))
    return "accepted" if (signature.issuer, signature.subject) == named else "identity"


@pytest.mark.parametrize("name", sorted(CASES))
def test_case(name: str) -> None:
    found = outcome(CASES[name])
    if name.endswith("_fail"):
        assert found == REFUSED.get(name, "signature")
    else:
        assert found == STRICTER.get(name, "accepted")


def test_the_suite_is_whole() -> None:
    assert len(CASES) == 70
    assert sum(name.endswith("_fail") for name in CASES) == 49
    assert set(STRICTER) | set(REFUSED) <= set(CASES)


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_gate_takes_none_of_them_for_a_pack(name: str) -> None:
    """Authentic or not, none is a statement about a pack: what signs something else is no evidence."""
    case = CASES[name]
    root = TrustRoot.of("root", TrustRootSpec(keyless=ROOTS[case["root"]] if "root" in case else production()))
    pack = PackFacts("registry.acme.example/tools/arithmetic", "1.0.0", "sha256:" + "a" * 64)
    found = examine(case["bundle"].encode(), [root], pack)
    assert not found.passed
    if "messageSignature" in case["bundle"] and name != "bundle-malformed-json_fail":
        assert found.code == "payload-type"
