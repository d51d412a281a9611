"""Releases of an import: which it has, which may be served besides the current one, and what a decision led to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from seglam.cluster import Object
from seglam.operator.desired import imported as desired
from seglam.operator.gather.imports import ImportRead
from seglam.operator.policies.imports import Asked, floor
from seglam.operator.reconcile.deciding import Decided, Have
from seglam.packs.names import PackName, Release
from seglam.packs.versions import VersionRange
from seglam.procedures import digest as digest_of
from seglam.resources.imports import AcceptedRelease, ImportedProcedure, ImportSummary


@dataclass(frozen=True, slots=True)
class Taken:
    """What follows from what was decided.

    Attributes:
        decided: about what the import asks for; None where nothing could be decided now.
        accepted: releases whose procedures may be served, the current one first.
        standing: whether the last decision stands because nobody could be asked.
    """

    decided: Decided | None
    accepted: tuple[AcceptedRelease, ...]
    summary: ImportSummary | None = None
    unreachable: str | None = None
    unsigned: str | None = None
    standing: bool = False


def have_of(read: ImportRead, own: Mapping[str, Object]) -> Have:
    """What an import has taken, by its status and, where a backup lost that, by what exists."""
    if isinstance(read.spec, str):
        return Have(None, None, {})
    try:
        name = PackName.parse(read.spec.pack)
    except ValueError:
        return Have(None, None, {})
    accepted = [each.release for each in read.accepted or ()]
    exists = [release for each in own.values() if (release := desired.release_of(each))]
    least = floor(name, [*accepted, *exists], read.decided.highest_version)
    current = floor(name, accepted[:1] or exists, None)
    digests = {each.release: each.digest for each in read.accepted or ()}
    return Have(current, least, digests, tuple(sorted(set(exists))))


def earlier(read: ImportRead, have: Have) -> list[tuple[AcceptedRelease | None, Asked]]:
    """Releases that may be served: those that were accepted or, where a backup lost that, those that texts are from."""
    if read.accepted is not None:
        return [(each, Asked(Release.parse(each.release).name, None, each.digest, False)) for each in read.accepted]
    found = [Release.parse(text) for text in have.stated]
    return [(None, Asked(each.name, VersionRange.parse(str(each.version)), None, False)) for each in found]


def serves(release: AcceptedRelease, served: Collection[tuple[str, str]]) -> bool:
    return any((procedure.name, procedure.digest) in served for procedure in release.procedures)


def accepted_of(decided: Decided) -> AcceptedRelease:
    assert decided.decision is not None and decided.facts is not None
    procedures = [
        ImportedProcedure(name=document.metadata.name, digest=digest_of(document.spec))
        for document in decided.documents
    ]
    return AcceptedRelease(
        release=str(decided.release),
        digest=decided.facts.digest,
        approval=decided.decision.approval,
        procedures=procedures,
    )
