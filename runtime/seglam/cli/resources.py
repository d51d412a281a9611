"""What a cluster's resources say of a revision, read with the caller's own credentials."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from seglam.cli.cluster import Place, asked
from seglam.cli.exits import CliError

if TYPE_CHECKING:
    from seglam.cli.packs.places import Places
    from seglam.cluster import Client
    from seglam.gateway.answers import Recorded
    from seglam.gateway.answers.history import Row
    from seglam.gateway.cluster.behind import Behind
    from seglam.packs.layout import Packed
    from seglam.packs.trust.files import Trust
    from seglam.packs.trust.roots import TrustRoot


class Resources:
    """The resources of one namespace."""

    def __init__(self, place: Place) -> None:
        self._connection = place.connection()
        self.namespace = place.namespace or self._connection.namespace

    def behind(self, answer: Recorded, spans: Mapping[str, str | None]) -> Behind:
        """What stands behind an answer. `spans` is what the gateway says of its revision: `compiled`, `activated`."""
        from seglam.gateway.cluster import behind

        return asked(self._connection, lambda client: behind.Resources(client, self.namespace).behind(answer, spans))

    def trust(self, configured: Trust, note: Callable[[str], None]) -> Trust:
        """What is trusted here, and whom the cluster believes; only the former where the caller may not see that."""
        from seglam.cluster import Forbidden
        from seglam.gateway.cluster.behind import trust_roots

        async def roots(client: Client) -> dict[str, TrustRoot] | None:
            try:
                return await trust_roots(client)
            except Forbidden:
                return None

        found = asked(self._connection, roots)
        if found is None:
            note("you may not read the cluster's TrustRoots; those of this machine decide who is believed")
        return replace(configured, roots={**configured.roots, **(found or {})})


def packed(behind: Behind, places: Places, trust: Trust, row: Row) -> Packed | None:
    """The pack of an import with what was signed about it, the decision here too; None where it cannot be had."""
    name = str(row["release"]).rpartition("@")[0]
    try:
        found = places.find(f"{name}@{row['digest']}", trust, kept_first=places.registry is None).packed
    except CliError:
        return None
    summary = behind.summaries.get(str(row["digest"]))
    return found if summary is None else replace(found, bundles=(*found.bundles, summary))
