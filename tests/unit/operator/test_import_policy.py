"""Imports: which version is taken, what is refused, and what is said, case by case."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from seglam.operator.policies.activation import Candidate, Origin, choose
from seglam.operator.policies.chain import decide
from seglam.operator.policies.imports import (
    READY,
    Asked,
    ImportedState,
    ImportSituation,
    Ruling,
    asked,
    choose_version,
    downgrade,
    floor,
    lacking,
    reason_of,
)
from seglam.operator.policies.review import State
from seglam.operator.seen import Activation
from seglam.packs.manifest import Requirement
from seglam.packs.names import PackName
from seglam.packs.versions import Version, VersionRange
from seglam.resources.imports import PackImportSpec

NAME = PackName.parse("registry.acme.example/calendar/easter")
DIGEST = "sha256:" + "0" * 64


def v(text: str) -> Version:
    return Version.parse(text)


def offered(*texts: str) -> dict[Version, bool]:
    """Versions; those with an exclamation mark were yanked."""
    return {v(text.rstrip("!")): not text.endswith("!") for text in texts}


@pytest.mark.parametrize(
    ("range_", "follow", "there", "current", "least", "chosen"),
    [
        pytest.param("1.2.0", False, offered("1.1.0", "1.3.0"), None, None, "1.2.0", id="exact: the index has its say"),
        pytest.param("1.2.0", True, offered("1.2.0", "1.3.0"), "1.2.0", "1.2.0", "1.2.0", id="exact is not followed"),
        pytest.param("^1.0", False, offered("1.0.0", "1.2.0", "2.0.0"), None, None, "1.2.0", id="the highest first"),
        pytest.param("^1.0", False, offered("1.0.0", "1.2.0"), "1.0.0", "1.0.0", "1.0.0", id="what is taken stays"),
        pytest.param("^1.0", True, offered("1.0.0", "1.2.0"), "1.0.0", "1.0.0", "1.2.0", id="unless it follows"),
        pytest.param(
            "^1.0", False, offered("1.0.0!", "1.2.0"), "1.0.0", "1.0.0", "1.0.0", id="yanked: no other unseen"
        ),
        pytest.param("^1.0", True, offered("1.0.0!", "1.2.0"), "1.0.0", "1.0.0", "1.2.0", id="yanked: the next one"),
        pytest.param(
            "^1.0", True, offered("1.0.0", "1.2.0!"), "1.2.0", "1.2.0", "1.2.0", id="yanked: never a lower one"
        ),
        pytest.param("^1.0", True, offered("1.0.0", "1.2.0!"), None, None, "1.0.0", id="new: not what was yanked"),
        pytest.param("^1.0", True, offered("1.0.0!"), None, None, "1.0.0", id="all yanked: the gate says so"),
        pytest.param("^2.0", True, offered("1.0.0", "2.1.0"), "1.0.0", "1.0.0", "2.1.0", id="another range"),
        pytest.param("^1.0", True, offered("2.0.0"), None, None, None, id="nothing fits"),
        pytest.param("^1.0", True, {}, None, None, None, id="nothing there"),
        pytest.param("^1.0", True, offered("1.0.0"), "2.0.0", "2.0.0", "1.0.0", id="a lower range: refused afterwards"),
        pytest.param("^1.0", True, offered("1.1.0-rc.1", "1.0.0"), None, None, "1.0.0", id="prereleases are asked for"),
    ],
)
def test_version(
    range_: str, follow: bool, there: dict[Version, bool], current: str | None, least: str | None, chosen: str | None
) -> None:
    at, low = (v(text) if text else None for text in (current, least))
    found = choose_version(VersionRange.parse(range_), follow, there, at, low)
    assert found == (v(chosen) if chosen else None)


versions = some.builds(Version, some.integers(0, 3), some.integers(0, 3), some.integers(0, 3))


@given(
    some.dictionaries(versions, some.booleans(), max_size=6),
    some.booleans(),
    versions,
    some.sampled_from(("^1", "^2", "~1.1", ">=0.0.0")),
)
def test_what_is_chosen_is_in_the_range_and_never_lower_unseen(
    there: dict[Version, bool], follow: bool, least: Version, text: str
) -> None:
    range_ = VersionRange.parse(text)
    chosen = choose_version(range_, follow, there, None, least)
    if chosen is None:
        assert not any(version in range_ for version in there)
        return
    assert chosen in range_ and chosen in there
    refused = downgrade(chosen, least)
    assert (refused is None) == (chosen >= least)
    if refused is not None:
        assert not any(usable and version >= least and version in range_ for version, usable in there.items())


@pytest.mark.parametrize(
    ("releases", "stated", "highest"),
    [
        ([], None, None),
        ([], "1.2.0", "1.2.0"),
        ([f"{NAME}@1.3.0", f"{NAME}@1.1.0"], "1.2.0", "1.3.0"),
        ([f"{NAME}@1.1.0"], None, "1.1.0"),  # the status was lost
        (["other.example/calendar/easter@9.0.0"], "1.0.0", "1.0.0"),
        (["nonsense", f"{NAME}@x", ""], "nonsense", None),
    ],
)
def test_the_highest_version_is_known_from_what_exists(
    releases: list[str], stated: str | None, highest: str | None
) -> None:
    assert floor(NAME, releases, stated) == (v(highest) if highest else None)


def test_what_is_asked_for_is_read() -> None:
    spec = PackImportSpec(pack=str(NAME), version="^1.2", follow=True)
    assert asked(spec) == Asked(NAME, VersionRange.parse("^1.2"), None, True)
    assert asked(PackImportSpec(pack=str(NAME), digest=DIGEST)) == Asked(NAME, None, DIGEST, False)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (PackImportSpec(pack=str(NAME), version="latest"), "spec.version"),
        (PackImportSpec(pack="a.b/c/d", version="1.0.0"), "spec.pack"),
        (PackImportSpec(pack=str(NAME)), "either version or digest"),
        (PackImportSpec(pack=str(NAME), version="1.0.0", digest=DIGEST), "either version or digest"),
    ],
)
def test_what_cannot_be_asked_for_is_said(spec: PackImportSpec, words: str) -> None:
    problem = asked(spec)
    assert isinstance(problem, str) and words in problem


@pytest.mark.parametrize(
    ("accepted", "missing"),
    [
        ([], ("registry.acme.example/calendar/days ^1.2",)),
        (["registry.acme.example/calendar/days@1.1.0"], ("registry.acme.example/calendar/days ^1.2",)),
        (["registry.acme.example/calendar/days@2.0.0"], ("registry.acme.example/calendar/days ^1.2",)),
        (["registry.other.example/calendar/days@1.3.0"], ("registry.acme.example/calendar/days ^1.2",)),
        (["registry.acme.example/calendar/days@1.0.0", "registry.acme.example/calendar/days@1.3.0"], ()),
    ],
)
def test_what_a_pack_requires_and_nobody_imported_is_named(accepted: list[str], missing: tuple[str, ...]) -> None:
    needs = [Requirement(name="registry.acme.example/calendar/days", range="^1.2")]
    assert lacking(needs, accepted) == missing


def test_codes_become_reasons() -> None:
    assert [reason_of(code) for code in ("identity", "index-expired", "no-policy")] == [
        "Identity",
        "IndexExpired",
        "NoPolicy",
    ]


SERVED = ImportedState("easter", "d", "d", "Active", "")
GOOD = ImportSituation(
    authors=("alice",), ruling=Ruling(True, "accepted", ""), procedures=(SERVED,), release=f"{NAME}@1.0.0"
)
WAITS = ImportedState("orthodox", "e", None, "AwaitingReview", "1 approval needed")
NEW = ImportedState("julian", "f", None, "", "")
OLD = ImportedState("easter", "d", "c", "Active", "revision c is served")


@pytest.mark.parametrize(
    ("given_", "reason", "ready", "stalled"),
    [
        pytest.param(GOOD, "Imported", True, False, id="all is served"),
        pytest.param(replace(GOOD, procedures=()), "Imported", True, False, id="nothing to serve"),
        pytest.param(replace(GOOD, problem="spec.version: no"), "Invalid", False, True, id="a spec that cannot be"),
        pytest.param(replace(GOOD, authors=()), "AuthorUnknown", False, True, id="nobody asked"),
        pytest.param(
            replace(GOOD, authors=tuple(map(str, range(65)))), "AuthorUnknown", False, True, id="too many asked"
        ),
        pytest.param(replace(GOOD, ruling=None), "SourceUnreachable", False, False, id="nothing decided"),
        pytest.param(
            replace(GOOD, ruling=Ruling(False, "issuer", "")),
            "Issuer",
            False,
            False,
            id="the gate's code is the reason",
        ),
        pytest.param(
            replace(GOOD, ruling=Ruling(False, "downgrade", "")), "Downgrade", False, True, id="only an edit helps"
        ),
        pytest.param(replace(GOOD, unsigned="no log"), "SigningFailed", False, False, id="what is not signed"),
        pytest.param(replace(GOOD, foreign=("easter",)), "NotOwned", False, False, id="somebody else's procedure"),
        pytest.param(replace(GOOD, procedures=(SERVED, WAITS)), "AwaitingReview", False, False, id="a review is due"),
        pytest.param(replace(GOOD, procedures=(NEW, WAITS)), "AwaitingReview", False, False, id="people come first"),
        pytest.param(replace(GOOD, procedures=(NEW,)), "Progressing", False, False, id="just made"),
        pytest.param(replace(GOOD, procedures=(OLD,)), "Progressing", False, False, id="the text is on its way"),
        pytest.param(replace(GOOD, unreachable="timeout"), "Imported", True, False, id="network trouble is no denial"),
        pytest.param(
            replace(GOOD, problem="no", ruling=Ruling(False, "yanked", "")),
            "Invalid",
            False,
            True,
            id="what to edit first",
        ),
    ],
)
def test_what_is_said(given_: ImportSituation, reason: str, ready: bool, stalled: bool) -> None:
    verdict = decide(READY, given_)
    assert (verdict.reason, verdict.ready, verdict.stalled) == (reason, ready, stalled)
    assert ready or verdict.message is not None


def candidate(origin: Origin, state: State, *, active: bool = False, verified: bool | None = True) -> Candidate:
    return Candidate("a", "a", "2026-11-21T12:00:00Z", active, verified, state, origin)


A, P, R, Q = State.APPROVED, State.PENDING, State.REJECTED, State.QUARANTINED


@pytest.mark.parametrize(
    ("one", "eligible"),
    [
        pytest.param(candidate(Origin.REVIEW, P), False, id="a review here is needed"),
        pytest.param(candidate(Origin.REVIEW, A), True, id="and was given"),
        pytest.param(candidate(Origin.PACK, P), True, id="the pack's reviews count"),
        pytest.param(candidate(Origin.PACK, A), True, id="as do those here"),
        pytest.param(candidate(Origin.PACK, R), False, id="a rejection here wins"),
        pytest.param(candidate(Origin.PACK, Q, active=True), False, id="a quarantine here wins"),
        pytest.param(candidate(Origin.PACK, P, verified=False), False, id="the gates here are no formality"),
        pytest.param(candidate(Origin.PACK, P, verified=None), False, id="nor to be waited for in vain"),
        pytest.param(candidate(Origin.REFUSED, A, active=True), False, id="yanked: approval here does not help"),
        pytest.param(candidate(Origin.REFUSED, P), False, id="refused"),
        pytest.param(candidate(Origin.UNDECIDED, A), False, id="nothing becomes active without a decision"),
        pytest.param(candidate(Origin.UNDECIDED, P, active=True), True, id="what is served stays until there is one"),
        pytest.param(
            candidate(Origin.UNDECIDED, P, active=True, verified=None), True, id="restored without any status"
        ),
        pytest.param(candidate(Origin.UNDECIDED, Q, active=True), False, id="but not what is quarantined"),
        pytest.param(candidate(Origin.HERE, P), False, id="nothing of this is for other procedures"),
    ],
)
def test_what_a_pack_may_serve(one: Candidate, eligible: bool) -> None:
    assert one.eligible is eligible
    assert (choose("a", Activation(), [one]) is one) is eligible
    assert (choose(None, Activation("Pinned", "a"), [one]) is one) is eligible  # a pin is no way around it
