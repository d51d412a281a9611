"""Whether what a policy requires is there: the right statements, signed by the right people, in sufficient number."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from seglam.packs.trust.decision import PackFacts, Refused, Signature, Step, Verified
from seglam.packs.trust.examination import Examined
from seglam.packs.trust.policy import Requirement, TrustPolicySpec
from seglam.packs.trust.predicates import (
    Kind,
    Predicate,
    Provenance,
    Release,
    Review,
    Status,
    TestResult,
    VerificationSummary,
)

CLOCK_SKEW = timedelta(minutes=5)
"""How far a statement may lie in the future: clocks differ."""
_ACCOUNT = re.compile(r"https://kubernetes\.io/namespaces/([^/]+)/serviceaccounts/([^/]+)")


@dataclass(frozen=True)
class Evidence:
    """All bundles as they were examined, and what they are held against."""

    examined: tuple[Examined, ...]
    pack: PackFacts
    policy: TrustPolicySpec
    now: datetime

    def of(self, kind: Kind) -> list[Verified]:
        """Authentic statements of a kind, by whomever the trust root vouches for."""
        return [each.verified for each in self.examined if each.verified and each.verified.kind == kind]

    def counted(self, kind: Kind, by: Kind | None = None) -> list[Verified]:
        """Statements of a kind whose signer the policy names for it (or for the kind `by`)."""
        named = [each for each in self.policy.require if each.predicate == (by or kind)]
        return [found for found in self.of(kind) if any(_names(each, found.signature) for each in named)]


def judged(requirement: Requirement, evidence: Evidence) -> tuple[Step, list[Verified]]:
    """Whether a requirement is met, and by which statements."""
    kind = requirement.predicate
    good: list[Verified] = []
    refusals: list[Refused] = []
    try:
        for found in evidence.of(kind):
            try:
                _check_signer(requirement, found.signature)
                _check_age(requirement, found, evidence.now)
                _check_content(found, evidence)
                good.append(found)
            except Refused as error:
                if error.code in _DECISIVE:
                    raise
                refusals.append(error)
        good, count = _reviewed(requirement, good, evidence, refusals) if kind == "review" else (good, _signers(good))
    except Refused as error:
        return _step(requirement, error), []
    if count >= requirement.threshold:
        signers = "; ".join(sorted({found.signature.words for found in good}))
        words = f"{kind}: {count} of {requirement.threshold} that are needed, by {signers}."
        return Step(f"require:{kind}", True, "allowed", words, {"predicate": kind, "count": str(count)}), good
    return _step(requirement, _missing(requirement, evidence, refusals, count)), []


# Said by somebody who counts, these end the matter: nobody else's word outweighs them.
_DECISIVE = ("test-failed", "rejected")


def _step(requirement: Requirement, refusal: Refused) -> Step:
    kind = requirement.predicate
    return Step(f"require:{kind}", False, refusal.code, f"{kind}: {refusal.words}", {"predicate": kind})


def _missing(requirement: Requirement, evidence: Evidence, refusals: Sequence[Refused], count: int) -> Refused:
    """The most telling reason why too few statements counted."""
    if count:
        others = f" Of the others: {refusals[0].words}" if refusals else ""
        return Refused("threshold", f"Only {count} of {requirement.threshold} that are needed are there.{others}")
    if refusals:
        return refusals[0]
    claimed = [each for each in evidence.examined if not each.passed and each.claimed == requirement.predicate]
    if claimed:
        return Refused(claimed[0].code, claimed[0].words)
    unread = [each for each in evidence.examined if not each.passed and each.claimed is None]
    if unread:
        return Refused(unread[0].code, f"None is there, and one bundle could not be told: {unread[0].words}")
    return Refused("predicate-missing", "No such statement came with the pack; ask its publisher for the bundle.")


# --- who ---------------------------------------------------------------------------------------------------------


def _names(requirement: Requirement, signature: Signature) -> bool:
    if signature.mode == "Key":
        return signature.subject in (requirement.keys or ())
    signer = (signature.issuer, signature.subject)
    return any((each.issuer, each.subject) == signer for each in requirement.identities or ())


def _check_signer(requirement: Requirement, signature: Signature) -> None:
    """Raise `Refused` unless the policy names the signer: issuer and subject both, letter by letter."""
    if _names(requirement, signature):
        return
    if signature.mode == "Key":
        raise Refused("key", f"It is signed by the key {signature.subject}, which the policy does not name.")
    same = [each for each in requirement.identities or () if each.subject == signature.subject]
    if same:
        raise Refused(
            "issuer",
            f"It is signed by {signature.subject}, but the identity comes from the issuer {signature.issuer} "
            f"and not from {same[0].issuer}: this is somebody else.",
        )
    raise Refused("identity", f"It is signed by {signature.words}, whom the policy does not name.")


def _signers(found: Iterable[Verified]) -> int:
    return len({(each.signature.issuer, each.signature.subject) for each in found})


# --- when --------------------------------------------------------------------------------------------------------


def _check_age(requirement: Requirement, found: Verified, now: datetime) -> None:
    stated = stated_time(found.statement.predicate)
    time = found.signature.time or stated
    for each in (stated, time):
        if each is not None and each > now + CLOCK_SKEW:
            raise Refused("expired", f"It is of {each.isoformat()}, which is still to come: a clock is wrong.")
    if requirement.age is None:
        return
    if time is None:
        raise Refused("expired", f"It states no time, so nobody knows whether it is older than {requirement.max_age}.")
    if time + requirement.age < now:
        raise Refused("expired", f"It is of {time.isoformat()}, older than {requirement.max_age}: renew it.")


def stated_time(predicate: Predicate) -> datetime | None:
    """The time that a predicate states; trusted as far as its signer is."""
    match predicate:
        case Review() | Status():
            return moment(predicate.time)
        case VerificationSummary():
            return moment(predicate.time_verified)
        case Provenance(run_details=run) if run.metadata and run.metadata.finished_on:
            return moment(run.metadata.finished_on)
        case _:
            return None


def moment(text: str) -> datetime:
    """A time of a statement; its model has checked that it is one."""
    return datetime.fromisoformat(text).astimezone(UTC)


# --- what --------------------------------------------------------------------------------------------------------


def _check_content(found: Verified, evidence: Evidence) -> None:
    """Raise `Refused` unless the statement says what one of its kind must say of this pack."""
    pack = evidence.pack
    match found.statement.predicate:
        case Release(purl=purl) | VerificationSummary(resource_uri=purl) if purl != pack.purl:
            raise Refused("subject", f"Its predicate is about {purl}, its subject about {pack.purl}.")
        case VerificationSummary(verification_result="FAILED"):
            raise Refused("rejected", f"{found.signature.words} verified the pack and refused it.")
        case TestResult(result="FAILED"):
            raise Refused("test-failed", f"{found.signature.words} ran the tests and they failed.")
        case TestResult(result="WARNED"):
            raise Refused("threshold", "The tests did not pass without a warning.")
        case Provenance() as provenance:
            stated = {(each.name, each.digest) for each in provenance.procedures}
            _check_procedures(stated, pack, "Its provenance does not tell how")
        case _:
            pass


def _check_procedures(stated: set[tuple[str, str]], pack: PackFacts, words: str) -> None:
    for each in pack.procedures:
        if (each.name, each.digest) not in stated:
            raise Refused("procedures", f"{words} {each.name} at {each.digest} came to be.")


# --- reviews -----------------------------------------------------------------------------------------------------


def _reviewed(
    requirement: Requirement, found: Sequence[Verified], evidence: Evidence, refusals: list[Refused]
) -> tuple[list[Verified], int]:
    """The approvals that count, and for the procedure with the fewest of them, how many people approved it.

    Raises:
        Refused: `rejected`: a reviewer who counts said no.
    """
    approvals: list[Verified] = []
    for each in found:
        try:
            _check_review(requirement, each, evidence)
            approvals.append(each)
        except Refused as error:
            if error.code in _DECISIVE:
                raise
            refusals.append(error)
    if not evidence.pack.procedures:
        raise Refused("procedures", "The pack holds no procedure, so nothing can have been reviewed.")
    fewest = len(approvals)
    for procedure in evidence.pack.procedures:
        covering = [each for each in approvals if (procedure.name, procedure.digest) in _covered(each)]
        count = _people(requirement, covering)
        fewest = min(fewest, count)
        if approvals and not count:
            raise Refused("procedures", f"No review that counts covers {procedure.name} at {procedure.digest}.")
    return approvals, fewest


def _covered(found: Verified) -> set[tuple[str, str]]:
    review = _review(found)
    return {(each.name, each.digest) for each in review.procedures}


def _review(found: Verified) -> Review:
    assert isinstance(found.statement.predicate, Review)
    return found.statement.predicate


def _check_review(requirement: Requirement, found: Verified, evidence: Evidence) -> None:
    review = _review(found)
    if review.expires and moment(review.expires) <= evidence.now:
        raise Refused("expired", f"The review by {review.reviewer} counted until {review.expires}: it must be renewed.")
    about = {(each.name, each.digest) for each in evidence.pack.procedures}
    if review.decision == "reject":
        if _covered(found) & about:
            raise Refused(
                "rejected", f"{review.reviewer} rejected a procedure of the pack: {review.reason or 'no reason'}."
            )
        raise Refused("procedures", "It is about procedures that are not in the pack.")
    provenances = evidence.counted("provenance")
    authors = {person(each) for each in review.authors} | _authors(provenances, _covered(found))
    if person(review.reviewer) in authors:
        raise Refused("self-review", f"{review.reviewer} is an author, and nobody approves their own work.")
    if requirement.count == "Reviewers":
        return
    signer = found.signature
    makers = {(each.signature.issuer, each.signature.subject) for each in provenances}
    if person(signer.subject) in authors or (signer.issuer, signer.subject) in makers:
        raise Refused("self-review", f"{signer.words} made the pack and signed its review: somebody else must.")


def _authors(provenances: Iterable[Verified], covered: set[tuple[str, str]]) -> set[str]:
    """The authors of reviewed procedures by every provenance that counts: a reviewer cannot leave one out."""
    return {
        person(author)
        for each in provenances
        if isinstance(each.statement.predicate, Provenance)
        for procedure in each.statement.predicate.procedures
        if (procedure.name, procedure.digest) in covered
        for author in procedure.authors
    }


def _people(requirement: Requirement, approvals: Sequence[Verified]) -> int:
    """How many different people approved: a person counts once, under however many keys, names or accounts.

    With `count: Signers` it is the largest number of pairs of a signer and a reviewer in which nobody is there twice.
    """
    names: dict[str, set[str]] = {}
    for each in approvals:
        signer = f"{each.signature.issuer} {each.signature.subject}"
        names.setdefault(signer, set()).add(person(_review(each).reviewer))
    if requirement.count == "Reviewers":
        return len(set().union(*names.values())) if names else 0
    matched: dict[str, str] = {}
    return sum(_pair(signer, names, matched, set()) for signer in names)


def _pair(signer: str, names: Mapping[str, set[str]], matched: dict[str, str], seen: set[str]) -> bool:
    """Give the signer a reviewer of their own, moving others where that is possible (augmenting path)."""
    for name in sorted(names[signer] - seen):
        seen.add(name)
        if name not in matched or _pair(matched[name], names, matched, seen):
            matched[name] = signer
            return True
    return False


def person(name: str) -> str:
    """A name for comparison: letters of either case are one, and a service account has one name."""
    account = _ACCOUNT.fullmatch(name)
    return (f"system:serviceaccount:{account[1]}:{account[2]}" if account else name).casefold()


# --- taken out of use --------------------------------------------------------------------------------------------


def status_step(evidence: Evidence) -> Step:
    """Whether the registry, by whoever signs releases, has taken the version out of use and not put it back.

    A statement that is left out is not missed here; the index, which expires, says it again.
    """
    found = evidence.counted("status", by="release")
    dated = [(each.signature.time or stated_time(each.statement.predicate), each.statement.predicate) for each in found]
    latest = max((time for time, _ in dated if time), default=None)
    for time, status in dated:
        if isinstance(status, Status) and time == latest and status.status != "restored":
            words = f"The version was {status.status} by its registry at {status.time}: {status.reason}"
            return Step("status", False, status.status, words)
    return Step("status", True, "allowed", "No statement of the registry takes the version out of use.")
