"""What the operator decides about imports, with a real registry over HTTP: index, packs, bundles and the gate."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest

from seglam.operator.gather.imports import Trust
from seglam.operator.gather.registries import Registries, Unreachable
from seglam.operator.policies.imports import Asked
from seglam.operator.reconcile.deciding import Decided, Gatekeeper, Have
from seglam.packs.names import PackName
from seglam.packs.pack import Pack
from seglam.packs.trust.decision import PackFacts
from seglam.packs.trust.policy import TrustPolicy, TrustPolicySpec
from seglam.packs.trust.roots import Source, TrustRoot, TrustRootSpec, TufRepository
from seglam.packs.trust.signing.key import KeySigner
from seglam.packs.versions import Version, VersionRange
from seglam.registry.tables import VersionState
from tests import packs, trust
from tests.origins import Origin, serving

T = TypeVar("T")
ORIGIN, NAME = "registry.acme.example", PackName.parse(packs.NAME)
TENANT = "shop"
OURS, THEIRS = KeySigner.generate(), KeySigner.generate()
NOTHING = Have(None, None, {})


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Origin]:
    """A registry with three versions that are signed as a policy wants it."""
    with serving(tmp_path_factory.mktemp("origin"), ORIGIN) as running:
        for version in ("1.0.0", "1.1.0", "2.0.0"):
            put(running, packs.pack(version=version))
        yield running


def put(origin: Origin, pack: Pack, signer: KeySigner = OURS) -> Pack:
    """Publish a pack with a release statement."""
    facts = PackFacts.of(pack)
    origin.put(pack, (signer.sign(trust.statement(trust.release(facts), facts)),))
    return pack


class Cluster:
    """One operator's registries and gate, with the policies and roots of its cluster."""

    def __init__(self, origin: Origin, directory: Path) -> None:
        self.registries = Registries(directory, timeout=5.0)
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.gatekeeper = Gatekeeper(self.registries, lambda: self.now())
        self.trust = trusting(origin)

    def decide(self, have: Have = NOTHING, *, tenant: str = TENANT, **wanted: Any) -> Decided:
        """What is decided about an import in this tenant."""
        return run(lambda: self.gatekeeper.decide(self.trust, tenant, asked(**wanted), have))


def run(call: Callable[[], Awaitable[T]]) -> T:
    async def main() -> T:
        return await call()

    return asyncio.run(main())


def asked(
    version: str | None = "^1.0", digest: str | None = None, *, follow: bool = False, name: PackName = NAME
) -> Asked:
    range_ = VersionRange.parse(version) if version is not None and digest is None else None
    return Asked(name, range_, digest, follow)


def trusting(origin: Origin, *, seen: int = 0, **changes: Any) -> Trust:
    """One policy and one root that believe our key and this registry's index."""
    tuf = TufRepository(url=f"{origin.url}/tuf/{ORIGIN}/", root=origin.root().decode())
    source = Source(origin=ORIGIN, url=origin.url)
    root = TrustRoot("ours", TrustRootSpec(keys=[OURS.public, THEIRS.public], sources=[source], tuf=tuf))
    spec: dict[str, Any] = {
        "namespaces": [TENANT],
        "packs": [f"{ORIGIN}/acme/*"],
        "trustRoot": "ours",
        "mode": "Key",
        "require": [{"predicate": "release", "keys": [OURS.identity]}],
    }
    policy = TrustPolicy("acme", TrustPolicySpec.model_validate(spec | changes))
    return Trust((policy,), {"ours": root}, {"ours": seen})


@pytest.fixture
def cluster(origin: Origin, tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(origin, tmp_path)
    yield made
    made.registries.close()


def code(decided: Decided) -> str:
    assert decided.ruling.words
    assert decided.ruling.allowed is (decided.ruling.code == "accepted")
    return decided.ruling.code


def test_what_the_policy_wants_is_accepted(cluster: Cluster) -> None:
    decided = cluster.decide()
    assert code(decided) == "accepted"
    assert str(decided.release) == f"{NAME}@1.1.0"
    assert decided.digest == packs.pack(version="1.1.0").digest
    assert [each.metadata.name for each in decided.documents] == [
        each.name
        for each in decided.facts.procedures  # type: ignore[union-attr]
    ]
    assert decided.until is not None and decided.until > datetime.now(UTC) and decided.snapshot > 0


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        pytest.param({"version": "1.0.0"}, "accepted", id="an exact version"),
        pytest.param({"digest": packs.pack(version="1.0.0").digest}, "accepted", id="a digest"),
        pytest.param({"version": "^3.0"}, "version-missing", id="a range that holds nothing"),
        pytest.param({"version": "1.0.7"}, "version-missing", id="a version that is not there"),
        pytest.param({"digest": "sha256:" + "0" * 64}, "version-missing", id="a digest that is not there"),
        pytest.param(
            {"name": PackName.parse(f"{ORIGIN}/acme/other")}, "version-missing", id="a pack that is not there"
        ),
        pytest.param({"tenant": "other"}, "no-policy", id="no policy for the tenant"),
        pytest.param({"name": PackName.parse(f"{ORIGIN}/other/basics")}, "no-policy", id="no policy for the pack"),
        pytest.param({"name": PackName.parse("elsewhere.example/acme/basics")}, "no-policy", id="another origin"),
    ],
)
def test_what_is_asked_for_decides(cluster: Cluster, wanted: dict[str, Any], said: str) -> None:
    assert code(cluster.decide(**wanted)) == said


def test_an_origin_without_a_source_is_not_looked_for_elsewhere(cluster: Cluster, origin: Origin) -> None:
    cluster.trust = trusting(origin, packs=["*"])
    before = len(origin.asked)
    assert code(cluster.decide(name=PackName.parse("elsewhere.example/acme/basics"))) == "source-missing"
    assert len(origin.asked) == before


@pytest.mark.parametrize(
    ("require", "said"),
    [
        ([{"predicate": "release", "keys": [THEIRS.identity]}], "key"),
        ([{"predicate": "release", "keys": [OURS.identity]}, {"predicate": "review", "keys": [OURS.identity]}], None),
    ],
)
def test_who_signed_what_decides(cluster: Cluster, origin: Origin, require: Any, said: str | None) -> None:
    cluster.trust = trusting(origin, require=require)
    assert code(cluster.decide()) == (said or "predicate-missing")


def test_a_signature_of_the_other_mode_never_counts(cluster: Cluster, origin: Origin) -> None:
    identity = {"issuer": "https://issuer.example", "subject": "https://kubernetes.io/namespaces/a/serviceaccounts/b"}
    cluster.trust = trusting(origin, mode="Keyless", require=[{"predicate": "release", "identities": [identity]}])
    decided = cluster.decide()
    assert not decided.ruling.allowed and code(decided) in ("mode", "no-root")


@pytest.mark.parametrize(
    ("have", "wanted", "said"),
    [
        (Have(Version(1, 1, 0), Version(1, 1, 0), {}), {"version": "1.0.0"}, "downgrade"),
        (Have(None, Version(1, 1, 0), {}), {"digest": packs.pack(version="1.0.0").digest}, "downgrade"),
        (Have(Version(2, 0, 0), Version(2, 0, 0), {}), {"version": "^1.0", "follow": True}, "downgrade"),
        (Have(Version(1, 0, 0), Version(1, 0, 0), {}), {"version": "^1.0"}, "accepted"),
        (Have(None, None, {f"{NAME}@1.0.0": "sha256:" + "1" * 64}), {"version": "1.0.0"}, "digest"),
    ],
    ids=["lower version", "lower version by its digest", "lower range", "the same", "another content"],
)
def test_what_was_accepted_before_decides(cluster: Cluster, have: Have, wanted: dict[str, Any], said: str) -> None:
    assert code(cluster.decide(have, **wanted)) == said


def test_a_range_is_followed_only_on_request(cluster: Cluster) -> None:
    have = Have(Version(1, 0, 0), Version(1, 0, 0), {})
    assert str(cluster.decide(have).release) == f"{NAME}@1.0.0"
    assert str(cluster.decide(have, follow=True).release) == f"{NAME}@1.1.0"


@pytest.mark.parametrize(
    ("state", "said"), [(VersionState.YANKED, "yanked"), (VersionState.QUARANTINED, "quarantined")]
)
def test_what_was_taken_back_is_refused_at_the_next_look(
    cluster: Cluster, origin: Origin, state: VersionState, said: str
) -> None:
    name = PackName.parse(f"{ORIGIN}/acme/{said}")
    pack = put(origin, packs.pack(str(name)))
    assert code(cluster.decide(name=name, version="1.0.0")) == "accepted"
    origin.set_state(pack, state, said)
    assert code(cluster.decide(name=name, version="1.0.0")) == said
    assert code(cluster.decide(name=name, digest=pack.digest)) == said


def test_an_older_index_than_the_root_remembers_is_refused(cluster: Cluster, origin: Origin) -> None:
    """The directory of a new pod is empty: what was seen is in the root's status."""
    cluster.trust = trusting(origin, seen=1_000_000)
    assert code(cluster.decide()) == "index-rollback"


def test_an_expired_index_is_refused(cluster: Cluster) -> None:
    late = cluster.decide().until
    assert late is not None
    cluster.now = lambda: late
    assert code(cluster.decide()) == "index-expired"


def test_what_was_seen_stands_while_nobody_answers(cluster: Cluster, origin: Origin) -> None:
    first = cluster.decide()
    origin.down.set()
    try:
        again = cluster.decide()
        assert (code(again), again.digest) == ("accepted", first.digest)
        assert again.stale
        with pytest.raises(Unreachable):
            cluster.decide(version="1.0.0")  # was never pulled
    finally:
        origin.down.clear()


def test_nothing_is_decided_when_nothing_was_ever_seen(cluster: Cluster, origin: Origin) -> None:
    origin.down.set()
    try:
        with pytest.raises(Unreachable):
            cluster.decide()
    finally:
        origin.down.clear()


@pytest.mark.parametrize(
    ("part", "said"), [("manifest", "digest"), ("config", "blob-digest"), ("layer", "blob-digest")]
)
def test_one_changed_byte_is_refused(cluster: Cluster, origin: Origin, part: str, said: str) -> None:
    """Whatever stands between registry and operator: the bytes have the digest that was signed, or are not taken."""
    pack = packs.pack(version="1.1.0")
    digests = {"manifest": pack.digest, **dict(zip(("config", "layer"), list(pack.blobs)[1:], strict=True))}
    digest = digests[part]
    body = bytearray(pack.blobs[digest])
    body[-20] ^= 1
    place = f"/v2/{NAME}/{'manifests' if part == 'manifest' else 'blobs'}/{digest}"
    origin.lies[place] = bytes(body)
    try:
        decided = cluster.decide()
        assert code(decided) == said
    finally:
        del origin.lies[place]


def test_a_policy_of_equal_rank_must_allow_too(cluster: Cluster) -> None:
    [policy] = cluster.trust.policies
    strict = policy.spec.model_copy(
        update={"require": [policy.spec.require[0].model_copy(update={"keys": [THEIRS.identity]})]}
    )
    cluster.trust = replace(cluster.trust, policies=(policy, TrustPolicy("strict", strict)))
    decided = cluster.decide()
    assert not decided.ruling.allowed
    assert {each.name for each in decided.policies} == {"acme", "strict"}


def test_a_root_that_is_missing_denies(cluster: Cluster) -> None:
    cluster.trust = replace(cluster.trust, roots={})
    assert code(cluster.decide()) == "no-root"
