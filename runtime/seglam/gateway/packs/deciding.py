"""The gate, asked for one pack at hand: what the pack is, what the index says, and the decision."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from seglam.gateway.packs.library import Library
from seglam.packs.layout import Packed
from seglam.packs.pack import Pack
from seglam.packs.trust.decision import Asked, Decision, IndexFacts, PackFacts, ProcedureFacts
from seglam.packs.trust.files import Trust
from seglam.packs.trust.policy import matching
from seglam.packs.trust.roots import TrustRoot

if TYPE_CHECKING:
    from seglam.packs.index.client import Index


UNREACHED = frozenset({"index-unreachable", "index-timeout"})
"""Why there is nothing newer; whatever else a refresh refuses is a reason to use nothing."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What the index says, or why it says nothing that is believed."""

    facts: IndexFacts | None
    words: str
    code: str = ""


def facts_of(pack: Pack) -> PackFacts:
    """What the gate is told about a pack; all of it is computed from its bytes."""
    procedures = tuple(ProcedureFacts(each.name, each.digest) for each in pack.manifest_model.procedures)
    return PackFacts(str(pack.release.name), str(pack.release.version), pack.digest, procedures)


def root_of(trust: Trust, tenant: str, pack: str) -> TrustRoot | None:
    """The trust root of the policy that decides; it also says where packs of an origin are fetched from."""
    return next((trust.roots[each.spec.trust_root] for each in matching(trust.policies, tenant, pack)
                 if each.spec.trust_root in trust.roots), None)  # fmt: skip


def index_of(library: Library, root: TrustRoot | None, origin: str, *, online: bool = True) -> Index | None:
    """The index of an origin as the trust root names it; None if it names none."""
    if root is None or root.spec.tuf is None:
        return None
    from seglam.packs.index.client import Index

    address = root.spec.tuf.url if online else None
    directory = library.index_directory(origin)
    return Index(directory, address, root.spec.tuf.root.encode(), origin=origin)


def look(library: Library, trust: Trust, tenant: str, pack: Pack, *, online: bool = True) -> Looked:
    """Ask the index about a release.

    Args:
        online: fetch what is new first; where that cannot be reached, as without it, what is on this machine counts
            until it expires.
    """
    from seglam.packs.index.errors import IndexFault

    name = pack.release.name
    index = index_of(library, root_of(trust, tenant, str(name)), name.origin, online=online)
    if index is None:
        return Looked(None, "no trust root that decides here names an index")
    try:
        if online:
            index.refresh()
        facts = index.facts(pack.release)
    except IndexFault as fault:
        if online and fault.code in UNREACHED:
            return look(library, trust, tenant, pack, online=False)
        return Looked(None, fault.words, fault.code)
    return Looked(facts, f"snapshot {facts.snapshot_version} of the index of {name.origin}")


def decide(
    packed: Packed,
    trust: Trust,
    tenant: str,
    *,
    asked: Asked | None = None,
    index: IndexFacts | None,
    now: datetime | None = None,
) -> Decision:
    """Ask the gate. Never raises; anything unexpected is a denial."""
    from seglam.packs.trust import gate

    facts = facts_of(packed.pack)
    return gate.decide(
        facts,
        packed.bundles,
        trust.policies,
        trust.roots,
        namespace=tenant,
        asked=asked or Asked(name=facts.name, version=facts.version, digest=facts.digest),
        index=index,
        now=now or datetime.now(UTC),
    )
