"""Imports against a real API server and a real registry: what is made, served, taken back, refused and remembered."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from seglam.packs.pack import Pack
from seglam.packs.trust.decision import PackFacts
from seglam.packs.trust.gate import examine
from seglam.packs.trust.predicates import VerificationSummary
from seglam.packs.trust.roots import TrustRoot, TrustRootSpec
from seglam.packs.trust.signing.key import KeySigner
from seglam.registry.tables import VersionState
from seglam.resources import names
from tests import packs, trust
from tests.cluster.kinds import prepare, resource, tidy
from tests.cluster.kubectl import Kubectl, condition, eventually
from tests.cluster.operating import Replica, Team, installed_one_paused, kubeconfig_of, rights
from tests.cluster.operating import procedure as written
from tests.documents import document
from tests.origins import Origin, serving

SPACE = "seglam-test-imports-alone"
ORIGIN = "registry.acme.example"
PUBLISHER, REVIEWER = KeySigner.generate(), KeySigner.generate()
TRUST = ("seglam-test-review", "seglam-test-pack", "seglam-test-strict")


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Origin]:
    """A registry on this machine, where the operator under test runs too."""
    with serving(tmp_path_factory.mktemp("origin"), ORIGIN) as running:
        yield running


@pytest.fixture(scope="module")
def importing(
    kubectl: Kubectl, kubeconfig: Path, origin: Origin, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Importing]:
    """An operator that knows whom to trust, in a namespace of its own."""
    scratch = tmp_path_factory.mktemp("operator")
    if kubectl.attempt("get", "validatingadmissionpolicy", "seglam-operator-reach").returncode == 0:
        pytest.skip("the chart is installed: its policies let no operator of another namespace make its key")
    with installed_one_paused(kubectl):
        asyncio.run(prepare(kubeconfig, SPACE))
        try:
            with rights(kubectl, SPACE):
                kubectl.apply(*trusted(origin))
                environment = {
                    "SEGLAM_RESYNC_SECONDS": "2",
                    "SEGLAM_IMPORT_RETRY_SECONDS": "1",
                    "SEGLAM_IMPORT_TIMEOUT_SECONDS": "5",
                    "SEGLAM_IMPORT_DIRECTORY": str(scratch / "indexes"),
                }
                operator_kubeconfig = kubeconfig_of(kubectl, scratch)
                replica = Replica(operator_kubeconfig, SPACE, scratch / "log", environment).start()
                eventually("the operator leads", lambda: replica.ready)
                yield Importing(Team(kubectl, SPACE), origin, replica)
                assert replica.stop() == 0
                print((scratch / "log").read_text()[-6000:])
        finally:
            kubectl("delete", "trustpolicies,trustroots", *TRUST, "--ignore-not-found")
            asyncio.run(tidy(kubeconfig, SPACE))


def trusted(origin: Origin) -> list[dict[str, Any]]:
    """One root, and policies by the name of the pack: a review here is needed, or the pack's own counts."""
    root = {
        "keys": [each.public.model_dump(by_alias=True) for each in (PUBLISHER, REVIEWER)],
        "sources": [{"origin": ORIGIN, "url": origin.url}],
        "tuf": {"url": f"{origin.url}/tuf/{ORIGIN}/", "root": origin.root().decode()},
    }
    release = {"predicate": "release", "keys": [PUBLISHER.identity]}
    review = {"predicate": "review", "keys": [REVIEWER.identity]}
    common = {"namespaces": [SPACE], "trustRoot": TRUST[0], "mode": "Key"}
    return [
        of(names.TRUST_ROOT, TRUST[0], root),
        of(names.TRUST_POLICY, TRUST[0], {**common, "packs": [f"{ORIGIN}/review/*"], "require": [release]}),
        of(
            names.TRUST_POLICY,
            TRUST[1],
            {**common, "packs": [f"{ORIGIN}/pack/*"], "require": [release, review], "approval": "Pack"},
        ),
    ]


def of(kind: names.Kind, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": name}, "spec": spec}


@dataclass(frozen=True)
class Importing:
    """A team that imports packs, the registry, and the operator."""

    team: Team
    origin: Origin
    operator: Replica

    def publish(self, space: str, name: str, version: str = "1.0.0", factor: int = 2, *others: str) -> Pack:
        """A version of a pack with a procedure of its name and others, signed by publisher and reviewer."""
        documents = [multiplying(each, factor) for each in (name, *others)]
        pack = packs.pack(f"{ORIGIN}/{space}/{name}", version, documents=documents)
        facts = PackFacts.of(pack)
        said = PUBLISHER.sign(trust.statement(trust.release(facts), facts))
        reviewed = REVIEWER.sign(trust.statement(trust.review("rita", facts), facts))
        self.origin.put(pack, (said, reviewed))
        return pack

    def want(self, space: str, name: str, author: str = "alice", **spec: Any) -> None:
        """Apply an import as somebody does."""
        pack = {"pack": f"{ORIGIN}/{space}/{name}", **(spec or {"version": "^1.0"})}
        body = resource(names.PACK_IMPORT, SPACE, name, pack)
        if not self.team.stamped:
            body["metadata"]["annotations"] = {names.ANNOTATION_AUTHORS: author}
        who = self.team.kubectl.as_user(author, "system:masters")
        who("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(body))

    def of(self, name: str) -> dict[str, Any]:
        """An import as it is."""
        found = self.team.find("pki", name)
        assert found is not None
        return found

    def until(self, name: str, reason: str, kind: str = "Ready") -> dict[str, Any]:
        """The import once a condition has a reason."""

        def seen() -> dict[str, Any] | None:
            found = self.of(name)
            current = found.get("status", {}).get("observedGeneration") == found["metadata"]["generation"]
            return found if current and condition(found, kind).get("reason") == reason else None

        return dict(eventually(f"{name} is {reason}", seen, seconds=40))

    def served(self, name: str) -> str | None:
        """The digest of the revision of a procedure that is served."""
        found = self.team.all("rprev", "-l", f"{names.ACTIVE_SELECTOR},{names.LABEL_PROCEDURE}={name}")
        return found[0]["spec"]["digest"] if found else None


def multiplying(name: str, factor: int) -> Any:
    """A procedure of a pack; another factor is another text."""
    words = name.replace("-", " ")
    return document(
        name,
        patterns=(f"{words} {{n}}",),
        returns="integer",
        code=f"def solve(n):\n    return {factor} * n\n",
        examples=[
            {
                "request": f"{words} 4",
                "arguments": [{"name": "n", "value": "4"}],
                "answer": str(4 * factor),
            }
        ],
    )


def digest_in(pack: Pack, name: str) -> str:
    return next(each.digest for each in pack.manifest_model.procedures if each.name == name)


def test_what_is_imported_waits_for_somebody_else(importing: Importing) -> None:
    pack = importing.publish("review", "doubled")
    importing.want("review", "doubled")
    importing.until("doubled", "AwaitingReview")
    made = importing.team.until("doubled", "AwaitingReview")
    assert made["metadata"]["labels"][names.LABEL_PACK_IMPORT] == "doubled"
    assert made["metadata"]["annotations"][names.ANNOTATION_PACK_RELEASE] == str(pack.release)
    assert made["status"]["digest"] == digest_in(pack, "doubled")
    assert "ownerReferences" not in made["metadata"]
    review = importing.team.find("rpr", made["status"]["review"])
    assert review is not None and review["spec"]["authors"] == ["alice"]
    assert importing.served("doubled") is None
    importing.team.decide(made["status"]["review"])
    status = importing.until("doubled", "Imported")["status"]
    assert importing.served("doubled") == digest_in(pack, "doubled")
    assert (status["release"], status["digest"], status["policy"]) == (str(pack.release), pack.digest, TRUST[0])
    assert (status["version"], status["highestVersion"]) == ("1.0.0", "1.0.0")
    assert all(each["passed"] for each in status["steps"] if each["name"] != "bundle")


def test_the_decision_is_signed(importing: Importing) -> None:
    pack = importing.publish("pack", "signed")
    importing.want("pack", "signed")
    status = importing.until("signed", "Imported")["status"]
    secret = importing.team.kubectl.json("get", "secret", names.IMPORT_KEY, "-n", SPACE)
    key = KeySigner(base64.b64decode(secret["data"]["tls.key"]))
    assert status["summary"]["signer"] == key.identity
    root = TrustRoot("operator", TrustRootSpec(keys=[key.public]))
    found = examine(status["summary"]["bundle"].encode(), [root], PackFacts.of(pack))
    assert found.passed and found.verified is not None, found.words
    said = found.verified.statement.predicate
    assert isinstance(said, VerificationSummary)
    assert (said.verification_result, said.resource_uri) == ("PASSED", pack.release.purl)
    assert len(said.input_attestations) == 2
    version = importing.of("signed")["metadata"]["resourceVersion"]
    looked = importing.operator.metric("seglam_operator_reconcile_total", kind="PackImport")
    eventually(
        "it was looked at again",
        lambda: importing.operator.metric("seglam_operator_reconcile_total", kind="PackImport") > looked + 2,
    )
    assert importing.of("signed")["metadata"]["resourceVersion"] == version, "at rest nothing is written or signed"


def test_the_packs_own_review_is_the_approval_until_it_is_yanked(importing: Importing) -> None:
    pack = importing.publish("pack", "tripled", factor=3)
    importing.want("pack", "tripled", version="1.0.0")
    importing.until("tripled", "Imported")
    assert importing.served("tripled") == digest_in(pack, "tripled")
    importing.origin.set_state(pack, VersionState.YANKED, "yanked")
    status = importing.until("tripled", "Yanked")["status"]
    assert not status.get("accepted")
    eventually("nothing is served", lambda: importing.served("tripled") is None)
    importing.team.until("tripled", "PackRefused")


def test_a_later_version_is_followed_and_a_lower_one_refused(importing: Importing) -> None:
    """The earlier one is served until the later one is approved here."""
    first = importing.publish("review", "followed")
    importing.want("review", "followed", version="^1.0", follow=True)
    importing.team.decide(importing.team.until("followed", "AwaitingReview")["status"]["review"])
    importing.until("followed", "Imported")
    second = importing.publish("review", "followed", "1.1.0", 5, "followed-too")
    waiting = eventually("a review of the later text", lambda: _waits(importing, digest_in(second, "followed")))
    assert waiting["metadata"]["annotations"][names.ANNOTATION_PACK_RELEASE] == str(second.release)
    assert importing.served("followed") == digest_in(first, "followed")
    importing.team.decide(waiting["status"]["review"])
    eventually("it is served", lambda: importing.served("followed") == digest_in(second, "followed"))
    importing.want("review", "followed", version="1.0.0")
    found = importing.until("followed", "Downgrade")
    assert condition(found, "Stalled")["status"] == "True"
    assert importing.served("followed") == digest_in(second, "followed"), "what is served stays"
    importing.team.kubectl(
        "patch", "-n", SPACE, "pki", "followed", "--subresource=status", "--type=merge", "-p", _NO_STATUS,
        "--as", "system:serviceaccount:seglam-system:seglam-operator", "--as-group", "system:masters",
    )  # fmt: skip
    importing.until("followed", "Downgrade")  # known from what exists
    assert importing.served("followed") == digest_in(second, "followed")


_NO_STATUS = json.dumps(
    {"status": dict.fromkeys(("highestVersion", "accepted", "conditions", "release", "summary", "steps"))}
)


def _waits(importing: Importing, digest: str) -> dict[str, Any] | None:
    found = importing.team.find("rp", "followed")
    waits = importing.team.reason("followed") == "AwaitingReview"
    return found if found is not None and waits and found["status"]["digest"] == digest else None


def test_what_is_somebody_elses_is_not_taken_over(importing: Importing) -> None:
    importing.team.write(written("taken", ["what is taken from {n}"]))
    importing.publish("pack", "taken", "1.0.0", 7, "given")
    importing.want("pack", "taken")
    importing.until("taken", "NotOwned")
    found = importing.team.find("rp", "taken")
    assert found is not None
    assert "labels" not in found["metadata"] and "return 2 * n" in found["spec"]["code"]
    importing.team.until("given", "Active")


def test_an_edited_text_is_not_served_and_is_put_right(importing: Importing) -> None:
    pack = importing.publish("pack", "edited")
    importing.want("pack", "edited")
    importing.until("edited", "Imported")
    change = {"spec": {"code": "def solve(n):\n    return 0\n", "sandbox": {"isolation": "pooled"}}}
    mallory = importing.team.kubectl.as_user("mallory", "system:masters")
    mallory("patch", "-n", SPACE, "rp", "edited", "--type=merge", "-p", json.dumps(change))
    eventually("the text is the pack's", lambda: "2 * n" in importing.team.find("rp", "edited")["spec"]["code"])  # type: ignore[index]
    found = importing.team.until("edited", "Active")
    assert found["spec"]["sandbox"] == {"isolation": "pooled"}, "where it runs is the tenant's"
    assert importing.served("edited") == digest_in(pack, "edited")


def test_network_trouble_is_no_denial_and_a_missing_policy_is(importing: Importing) -> None:
    importing.publish("pack", "steady")
    importing.want("pack", "steady")
    importing.until("steady", "Imported")
    served = importing.served("steady")
    importing.origin.down.set()
    try:
        importing.until("steady", "SourceUnreachable", "Reachable")
        found = importing.of("steady")
        assert condition(found, "Ready")["reason"] == "Imported"
        assert condition(found, "Verified")["status"] == "True"
        assert importing.served("steady") == served is not None
        importing.team.kubectl("delete", "trustpolicy", TRUST[1])
        importing.until("steady", "NoPolicy")
        eventually("nothing is served", lambda: importing.served("steady") is None)
    finally:
        importing.origin.down.clear()
        importing.team.kubectl.apply(*trusted(importing.origin))
    importing.until("steady", "Imported")
    assert importing.served("steady") == served


def test_a_stricter_policy_of_the_pack_itself_decides(importing: Importing) -> None:
    importing.publish("pack", "strict")
    stranger = KeySigner.generate()
    root = trusted(importing.origin)[0]["spec"]
    root["keys"].append(stranger.public.model_dump(by_alias=True))
    spec = {
        "namespaces": [SPACE],
        "packs": [f"{ORIGIN}/pack/strict"],
        "trustRoot": TRUST[2],
        "mode": "Key",
        "require": [{"predicate": "release", "keys": [stranger.identity]}],
    }
    importing.team.kubectl.apply(of(names.TRUST_ROOT, TRUST[2], root), of(names.TRUST_POLICY, TRUST[2], spec))
    importing.want("pack", "strict")
    found = importing.until("strict", "Key")
    assert found["status"]["policy"] == TRUST[2]
    assert importing.team.find("rp", "strict") is None


def test_what_was_imported_goes_with_its_import(importing: Importing) -> None:
    importing.publish("pack", "passing")
    importing.want("pack", "passing")
    importing.until("passing", "Imported")
    importing.team.kubectl("delete", "-n", SPACE, "pki", "passing")
    eventually("its procedure is gone", lambda: importing.team.find("rp", "passing") is None)
    assert importing.team.find("rp", "signed") is not None


def test_roots_and_policies_say_how_they_are(importing: Importing) -> None:
    root = importing.team.kubectl.json("get", "troot", TRUST[0])
    assert condition(root, "Ready")["reason"] == "SourceReachable"
    assert root["status"]["indexVersion"] > 1
    policy = importing.team.kubectl.json("get", "tp", TRUST[0])
    assert condition(policy, "Ready")["status"] == "True"
