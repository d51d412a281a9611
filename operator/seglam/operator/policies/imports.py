"""PackImport: which version is taken, which releases may be served, and what is said of it. All pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from seglam.operator.policies.authorship import MAX_AUTHORS
from seglam.operator.policies.chain import Policy, Verdict
from seglam.packs.manifest import Requirement
from seglam.packs.names import NameInvalid, PackName, Release
from seglam.packs.versions import Version, VersionInvalid, VersionRange
from seglam.resources.conditions import Reason
from seglam.resources.imports import PackImportSpec

Approval = Literal["Review", "Pack"]
SHOWN = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """What an import asks for, read: a range or a digest."""

    name: PackName
    range: VersionRange | None
    digest: str | None
    follow: bool


def asked(spec: PackImportSpec) -> Asked | str:
    """What a spec asks for, or what is wrong with it."""
    try:
        name = PackName.parse(spec.pack)
    except NameInvalid as problem:
        return f"spec.pack: {problem}"
    try:
        wanted = VersionRange.parse(spec.version) if spec.version is not None else None
    except VersionInvalid as problem:
        return f"spec.version: {problem}"
    if (wanted is None) == (spec.digest is None):
        return "spec: state either version or digest"
    return Asked(name, wanted, spec.digest, bool(spec.follow))


def floor(name: PackName, releases: Collection[str], stated: str | None) -> Version | None:
    """The highest version that was ever accepted.

    Args:
        releases: releases that what exists says it is from; those of another pack do not count.
        stated: what the status remembers, which a backup may have lost.
    """
    found = []
    for text in releases:
        try:
            release = Release.parse(text)
        except (NameInvalid, VersionInvalid):
            continue
        if release.name == name:
            found.append(release.version)
    with suppress(VersionInvalid):  # a status that is not ours; what exists stands
        found += [Version.parse(stated)] if stated else []
    return max(found, default=None)


def choose_version(
    wanted: VersionRange, follow: bool, offered: Mapping[Version, bool], current: Version | None, least: Version | None
) -> Version | None:
    """The version to decide about; None where nothing fits.

    Args:
        offered: listed versions, and whether each is neither yanked nor quarantined.
        current: the version that is taken now. Without `follow` it stays as long as the range holds it, also if it was
            yanked meanwhile: the gate says so then, and nothing else takes its place unseen.
        least: the highest version that was ever accepted. Nothing below it is chosen while something else is there.
    """
    if (exact := wanted.exact) is not None:
        return exact
    if current is not None and current in wanted and not follow:
        return current
    good = [version for version, usable in offered.items() if usable and (least is None or version >= least)]
    if (best := wanted.highest(good)) is not None:
        return best
    if current is not None and current in wanted:
        return current
    return wanted.highest(offered)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What was decided about one release.

    Attributes:
        code: the gate's, or `downgrade`, `version-missing`, `source-missing`; `accepted` where it is allowed.
        words: for people.
    """

    allowed: bool
    code: str
    words: str


def downgrade(version: Version, least: Version | None) -> Ruling | None:
    """The refusal of a version below one that was accepted, or None."""
    if least is None or version >= least:
        return None
    return Ruling(
        False, "downgrade", f"{version} is lower than {least}, which was accepted; a new import may begin at {version}"
    )


def lacking(requires: Iterable[Requirement], accepted: Collection[str]) -> tuple[str, ...]:
    """What a pack requires and no import of its namespace has accepted, each as `NAME RANGE`.

    Args:
        accepted: releases that the imports of the namespace accepted.
    """
    there = [Release.parse(text) for text in accepted]
    missing = []
    for each in requires:
        name, versions = PackName.parse(each.name), VersionRange.parse(each.range)
        if not any(release.name == name and release.version in versions for release in there):
            missing.append(f"{name} {versions}")
    return tuple(missing)


def reason_of(code: str) -> str:
    """A code of the gate as the reason of a condition: `index-expired` is `IndexExpired`."""
    return "".join(part.capitalize() for part in code.split("-"))


@dataclass(frozen=True, slots=True)
class ImportedState:
    """Where a procedure of the pack stands.

    Attributes:
        active: digest that is served.
        reason, message: of its condition Ready.
    """

    name: str
    digest: str
    active: str | None = None
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class ImportSituation:
    """Everything that is known when an import's status is decided.

    Attributes:
        problem: what is wrong with the spec.
        authors: who asked for the pack.
        ruling: what was decided; None where it could not be, and nothing was before.
        unreachable: why the sources could not be asked just now.
        foreign: procedures of wanted names that somebody else made.
        unsigned: why the decision could not be signed.
        procedures: where the pack's procedures stand.
        release: what was decided about.
    """

    problem: str | None = None
    authors: tuple[str, ...] = ()
    ruling: Ruling | None = None
    unreachable: str | None = None
    foreign: tuple[str, ...] = ()
    unsigned: str | None = None
    procedures: tuple[ImportedState, ...] = ()
    release: str = ""


def invalid(given: ImportSituation) -> Verdict | None:
    """The spec says something that cannot be."""
    return Verdict(Reason.INVALID, given.problem, stalled=True) if given.problem else None


def author_unknown(given: ImportSituation) -> Verdict | None:
    """Nobody is named as author, so nobody could be kept from approving what they brought in."""
    if 0 < len(given.authors) <= MAX_AUTHORS:
        return None
    if given.authors:
        words = f"more than {MAX_AUTHORS} people changed the import; delete it and apply it again"
        return Verdict(Reason.AUTHOR_UNKNOWN, words, stalled=True)
    return Verdict(
        Reason.AUTHOR_UNKNOWN,
        "no author is recorded, probably because the admission policies were not there yet; "
        "apply a changed spec, or delete the import and apply it again",
        stalled=True,
    )


def undecided(given: ImportSituation) -> Verdict | None:
    """Nothing was decided yet."""
    if given.ruling is not None:
        return None
    return Verdict(Reason.SOURCE_UNREACHABLE, given.unreachable or "the registry was not asked yet")


def refused(given: ImportSituation) -> Verdict | None:
    """The gate says no."""
    if given.ruling is None or given.ruling.allowed:
        return None
    return Verdict(reason_of(given.ruling.code), given.ruling.words, stalled=given.ruling.code == "downgrade")


def unsigned(given: ImportSituation) -> Verdict | None:
    """What is not signed is not imported: nobody could audit it."""
    return Verdict(Reason.SIGNING_FAILED, given.unsigned) if given.unsigned else None


def not_owned(given: ImportSituation) -> Verdict | None:
    """A procedure of a wanted name belongs to somebody else."""
    if not given.foreign:
        return None
    names = _listed(given.foreign)
    return Verdict(
        Reason.NOT_OWNED, f"{names}: a procedure of this name exists and is not of this import; delete or rename it"
    )


def waiting(given: ImportSituation) -> Verdict | None:
    """Some procedure is not served yet."""
    late = [each for each in given.procedures if each.active != each.digest]
    if not late:
        return None
    first = next((each for each in late if each.reason == Reason.AWAITING_REVIEW), None)
    first = first or next((each for each in late if each.reason), late[0])
    reason = first.reason if first.reason and first.reason != Reason.ACTIVE else str(Reason.PROGRESSING)
    names = _listed([each.name for each in late])
    message = first.message or "the operator is at work"
    return Verdict(reason, f"{len(late)} of {len(given.procedures)} procedures wait: {names}; {first.name}: {message}")


def imported(given: ImportSituation) -> Verdict:
    """All is as the spec wants it."""
    count = len(given.procedures)
    return Verdict(
        Reason.IMPORTED, f"{given.release}: {count} procedure{'s are' if count != 1 else ' is'} served", True
    )


READY: tuple[Policy[ImportSituation], ...] = (
    invalid,
    author_unknown,
    undecided,
    refused,
    unsigned,
    not_owned,
    waiting,
    imported,
)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
