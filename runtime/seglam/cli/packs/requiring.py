"""What packs require: which releases that means, as the index lists them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from seglam.cli.exits import CliError
from seglam.cli.packs.carrying import index_for
from seglam.cli.packs.places import Found, Places

if TYPE_CHECKING:
    from seglam.gateway.packs.deciding import Looked
    from seglam.packs.index.client import Index
    from seglam.packs.layout import Packed
    from seglam.packs.names import PackName, Release
    from seglam.packs.trust.files import Trust
    from seglam.packs.versions import Version, VersionRange


class Source:
    """Where packs and indexes are taken from that others require."""

    def __init__(self, places: Places, trust: Trust, tenant: str) -> None:
        self._places = places
        self._trust = trust
        self._tenant = tenant
        self._names: dict[str, PackName] = {}
        self.indexes: dict[str, Index] = {}

    def release(self, text: str) -> Release:
        """The release that a command line names."""
        from seglam.packs.names import Reference, Release

        reference = Reference.parse(text)
        if reference.name is not None and reference.version is not None and reference.host is None:
            return Release(reference.name, reference.version)
        return self._places.find(text, self._trust).packed.pack.release

    def known(self, origin: str, name: PackName) -> Index | None:
        """The refreshed index of an origin; None if no trust root names it."""
        if origin not in self.indexes:
            index = index_for(self._places, self._trust, self._tenant, name, online=True)
            if index is None:
                return None
            index.refresh()
            self.indexes[origin] = index
        return self.indexes[origin]

    def index(self, origin: str) -> Index:
        """The index of an origin that a requirement names."""
        if origin not in self.indexes:
            raise CliError("a pack requires one of an origin without an index here", "add its trust root", where=origin)
        return self.indexes[origin]

    def pull(self, name: PackName, reference: str) -> Packed:
        """A pack with its bundles."""
        return self._places.find(f"{name}@{reference}", self._trust).packed


def with_required(
    taken: Iterable[tuple[Found, Looked]],
    places: Places,
    trust: Trust,
    tenant: str,
    *,
    offline: bool,
    met: Callable[[PackName], Version | None],
) -> list[tuple[Found, Looked]]:
    """Packs with what the index says, and all that they require, each after what it requires.

    Args:
        met: the version of a pack that was imported before.

    Raises:
        CliError: an index that is needed is not known here.
        RequirementRefused: nothing fits, or a pack requires itself.
    """
    from seglam.gateway.packs.deciding import look
    from seglam.packs.index.requirements import highest, in_order
    from seglam.packs.trust.decision import Asked

    given = {found.packed.pack.digest: (found, looked) for found, looked in taken}
    source = Source(places, trust, tenant)

    def find(name: PackName, versions: VersionRange) -> Packed | None:
        if offline:
            return None
        source.known(name.origin, name)
        chosen = highest(source.index(name.origin), name, versions)
        if chosen is None:
            return None
        release, digest = chosen
        found = places.find(f"{name}@{digest}", trust)
        asked = Asked(str(name), str(release.version), digest)
        looked = look(places.library, trust, tenant, found.packed.pack, online=False)
        given[digest] = Found(found.packed, found.where, asked), looked
        return found.packed

    return [
        given[packed.pack.digest] for packed in in_order([each.packed for each, _ in given.values()], find, met=met)
    ]
