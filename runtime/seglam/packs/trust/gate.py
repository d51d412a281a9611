"""The gate: whether a pack may be published, imported or run. There is no other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from seglam.packs.trust.decision import Asked, Decision, IndexFacts, PackFacts
from seglam.packs.trust.policy import TrustPolicy
from seglam.packs.trust.roots import TrustRoot


def decide(
    pack: PackFacts,
    bundles: Sequence[bytes],
    policies: Sequence[TrustPolicy],
    roots: Mapping[str, TrustRoot],
    *,
    namespace: str,
    asked: Asked,
    index: IndexFacts | None,
    now: datetime,
) -> Decision:
    """Decide by the policies that are for this tenant and pack. Denies by default; never raises; uses no network.

    Args:
        pack: the pack at hand, its digest computed from its bytes.
        bundles: sigstore bundles (JSON) that came with it, from whatever source, in any order.
        policies: all policies that there are; an importer does not choose among them.
        roots: trust roots by name.
        namespace: tenant for whom it is decided.
        asked: what was asked for.
        index: what the index says; None if there is none.
        now: the time (aware).
    """
    raise NotImplementedError
