"""What the gate says of the releases that an import asks for or has. Sources are asked; nothing is written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from seglam.operator.gather.imports import Trust
from seglam.operator.gather.registries import Listed, Pulled, Refused, Registries
from seglam.operator.policies.imports import Asked, Ruling, choose_version, downgrade
from seglam.packs.manifest import Requirement
from seglam.packs.names import Release
from seglam.packs.trust.decision import Asked as AskedOfGate
from seglam.packs.trust.decision import Decision, IndexFacts, PackFacts, Step
from seglam.packs.trust.policy import TrustPolicy
from seglam.packs.trust.roots import TrustRoot
from seglam.packs.versions import Version
from seglam.procedures import ReasoningProcedure

NOTHING = "sha256:" + "0" * 64


@dataclass(frozen=True, slots=True)
class Have:
    """What an import has taken so far.

    Attributes:
        current: the version that is taken now.
        least: the highest version that was ever accepted.
        digests: digests of releases that were accepted, by release: no version ever has another.
        stated: releases that the texts of the import's procedures are from.
    """

    current: Version | None
    least: Version | None
    digests: Mapping[str, str]
    stated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided about one release.

    Attributes:
        release, digest: empty where it did not come so far.
        documents: the pack's procedures, where it is allowed.
        requires: other packs that it needs.
        until: when the index expires that the decision rests on; None where the policy ignores the index.
        snapshot: version of that index.
        stale: why the index could not be refreshed just now.
    """

    ruling: Ruling
    release: Release | None = None
    digest: str | None = None
    decision: Decision | None = None
    facts: PackFacts | None = None
    policies: tuple[TrustPolicy, ...] = ()
    documents: tuple[ReasoningProcedure, ...] = ()
    requires: tuple[Requirement, ...] = ()
    until: datetime | None = None
    snapshot: int = 0
    stale: str | None = None

    @property
    def steps(self) -> tuple[Step, ...]:
        """What the gate looked at."""
        return self.decision.steps if self.decision else ()


class Gatekeeper:
    """Decides by the one gate, with what the sources of the trust root give."""

    def __init__(self, registries: Registries, clock: Callable[[], datetime]) -> None:
        self._registries = registries
        self._clock = clock

    async def decide(self, trust: Trust, namespace: str, asked: Asked, have: Have) -> Decided:
        """What is decided about what an import asks for.

        Raises:
            Unreachable: nothing can be decided now.
        """
        deciding = trust.deciding(namespace, str(asked.name))
        root = next(
            (trust.roots[each.spec.trust_root] for each in deciding if each.spec.trust_root in trust.roots), None
        )
        if root is None:
            return await self._without_source(trust, namespace, asked)
        url = root.source(asked.name.origin)
        if url is None:
            words = f"TrustRoot {root.name} names no source for packs of {asked.name.origin}"
            return Decided(Ruling(False, "source-missing", words), policies=deciding)
        try:
            return await self._from(trust, namespace, asked, have, deciding, root, url)
        except Refused as problem:
            return Decided(Ruling(False, problem.code, problem.words), policies=deciding)

    async def _without_source(self, trust: Trust, namespace: str, asked: Asked) -> Decided:
        """No policy, or its root is not there: the gate says so before it looks at any pack."""
        version = asked.range.exact if asked.range else None
        facts = PackFacts(str(asked.name), str(version or Version(0, 0, 0)), NOTHING)
        decision = await self._gate(facts, (), trust, namespace, AskedOfGate(str(asked.name)), None)
        if decision.allowed:
            raise AssertionError("the gate allowed a pack that nobody has seen")
        return Decided(Ruling(False, decision.code, decision.words), decision=decision)

    async def _from(
        self,
        trust: Trust,
        namespace: str,
        asked: Asked,
        have: Have,
        deciding: tuple[TrustPolicy, ...],
        root: TrustRoot,
        url: str,
    ) -> Decided:
        indexed = any(policy.spec.index == "Required" for policy in deciding)
        listed = await self._registries.listed(root, asked.name) if indexed else None
        reference, version = asked.digest, None
        if asked.range is not None:
            offered = listed.versions if listed else await self._offered(asked, url)
            version = choose_version(asked.range, asked.follow, offered, have.current, have.least)
            if version is None:
                return Decided(Ruling(False, "version-missing", _none_fits(asked, offered)), policies=deciding)
            if (ruling := downgrade(version, have.least)) is not None:
                return Decided(ruling, Release(asked.name, version), policies=deciding)
            reference = await self._reference(trust, root, Release(asked.name, version), listed)
        assert reference is not None
        pulled = await self._registries.pull(url, asked.name, reference)
        release = pulled.pack.release
        if (ruling := downgrade(release.version, have.least)) is not None:
            return Decided(ruling, release, pulled.pack.digest, policies=deciding)
        facts = await self._facts(trust, root, release) if listed else None
        known = asked.digest or have.digests.get(str(release))
        stated = AskedOfGate(str(asked.name), str(version) if version else None, known)
        return await self._judged(pulled, trust, namespace, stated, facts, deciding, listed)

    async def _offered(self, asked: Asked, url: str) -> Mapping[Version, bool]:
        if asked.range is not None and asked.range.exact is not None:
            return {asked.range.exact: True}
        return await self._registries.tagged(url, asked.name)

    async def _reference(self, trust: Trust, root: TrustRoot, release: Release, listed: Listed | None) -> str:
        """What to pull: the digest that the index lists, else the tag; the gate has the last word either way."""
        facts = await self._facts(trust, root, release) if listed else None
        return facts.listed_digest if facts and facts.listed_digest else release.tag

    async def _facts(self, trust: Trust, root: TrustRoot, release: Release) -> IndexFacts:
        return await self._registries.facts(root, release, trust.seen.get(root.name, 0))

    async def _judged(
        self,
        pulled: Pulled,
        trust: Trust,
        namespace: str,
        stated: AskedOfGate,
        facts: IndexFacts | None,
        policies: tuple[TrustPolicy, ...],
        listed: Listed | None,
    ) -> Decided:
        pack = pulled.pack
        held = PackFacts.of(pack)
        decision = await self._gate(held, pulled.bundles, trust, namespace, stated, facts)
        documents = await asyncio.to_thread(pack.procedures) if decision.allowed else ()
        return Decided(
            Ruling(decision.allowed, "accepted" if decision.allowed else decision.code, decision.words),
            pack.release,
            pack.digest,
            decision,
            held,
            policies,
            documents,
            pack.manifest_model.requires,
            facts.expires if facts else None,
            facts.snapshot_version if facts else 0,
            listed.trouble if listed else None,
        )

    async def _gate(
        self,
        facts: PackFacts,
        bundles: tuple[bytes, ...],
        trust: Trust,
        namespace: str,
        stated: AskedOfGate,
        index: IndexFacts | None,
    ) -> Decision:
        from seglam.packs.trust import gate  # sigstore takes its time and memory; only who imports packs pays for it

        return await asyncio.to_thread(
            gate.decide,
            facts,
            bundles,
            trust.policies,
            trust.roots,
            namespace=namespace,
            asked=stated,
            index=index,
            now=self._clock(),
        )


def _none_fits(asked: Asked, offered: Mapping[Version, bool]) -> str:
    if not offered:
        return f"no version of {asked.name} is listed"
    newest = max(offered)
    return f"no version of {asked.name} is in {asked.range}; {len(offered)} are listed, the highest is {newest}"
