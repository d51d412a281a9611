"""What is said of a ReasoningProcedure: the reason of its condition Ready, and whether it is stalled or serving."""

from __future__ import annotations

from dataclasses import dataclass, field

from seglam.operator.policies.activation import Origin
from seglam.operator.policies.authorship import MAX_AUTHORS
from seglam.operator.policies.chain import Policy, Verdict
from seglam.operator.policies.review import Standing, State
from seglam.operator.seen import Activation
from seglam.resources.conditions import Reason
from seglam.resources.names import hexadecimal


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything that is known when a procedure's status is decided.

    Attributes:
        problems: faults of the spec, the first ones; empty if it is valid.
        digest: digest of the current spec; None if it is not valid.
        authors: everybody who wrote part of the current spec.
        foreign: the object of a wanted name that is not the operator's, if there is one.
        verified: whether the current spec's revision passed the gates; None while they run.
        failure: what the gates found, where they failed.
        review: where the review of the current spec's revision stands; None where there is none yet.
        review_name: the review to decide on.
        overlaps: what keeps the revision from being served beside others, in words.
        activation: which revision is wanted.
        active: digest of the revision that is served.
        runners: why the runners are not ready; None if they are.
        after_shadow: whether admission after shadow runs is asked for.
        origin: where the current spec's text is from, and what the gate of packs says of it.
        pack: the import that it is of, and what that says.
    """

    problems: tuple[str, ...] = ()
    digest: str | None = None
    authors: tuple[str, ...] = ()
    foreign: str | None = None
    verified: bool | None = None
    failure: str = ""
    review: Standing | None = None
    review_name: str = ""
    overlaps: tuple[str, ...] = ()
    activation: Activation = field(default_factory=Activation)
    active: str | None = None
    runners: str | None = None
    after_shadow: bool = False
    origin: Origin = Origin.HERE
    pack: str = ""

    @property
    def pinned_elsewhere(self) -> bool:
        """Whether another revision than the current spec's is to be served."""
        return self.activation.mode == "Pinned" and self.activation.digest != self.digest


def invalid(given: Situation) -> Verdict | None:
    """The spec says something that cannot be."""
    if not given.problems:
        return None
    return Verdict(Reason.INVALID, "\n".join(given.problems), stalled=True)


def author_unknown(given: Situation) -> Verdict | None:
    """Nobody is named as author, so nobody could be kept from approving their own work."""
    if given.digest is None or 0 < len(given.authors) <= MAX_AUTHORS:
        return None
    if given.authors:
        return Verdict(
            Reason.AUTHOR_UNKNOWN,
            f"{len(given.authors)} people changed the spec since the last activation; more than {MAX_AUTHORS} are not "
            "recorded; delete the procedure and apply it again",
            stalled=True,
        )
    return Verdict(
        Reason.AUTHOR_UNKNOWN,
        "no author is recorded, probably because the admission policies were not there yet; "
        "apply a changed spec, or delete the procedure and apply it again",
        stalled=True,
    )


def not_owned(given: Situation) -> Verdict | None:
    """Something of a name that is needed belongs to somebody else."""
    if given.foreign is None:
        return None
    return Verdict(Reason.NOT_OWNED, f"{given.foreign} exists and is not the operator's; delete or rename it")


def quarantined(given: Situation) -> Verdict | None:
    """Somebody stopped the current spec's revision."""
    if given.review is None or given.review.state is not State.QUARANTINED:
        return None
    return Verdict(Reason.QUARANTINED, f"{given.review.message}; edit the procedure", stalled=True)


def rejected(given: Situation) -> Verdict | None:
    """Somebody turned the current spec's revision down."""
    if given.review is None or given.review.state is not State.REJECTED:
        return None
    return Verdict(Reason.REJECTED, given.review.message, stalled=True)


def pack_refused(given: Situation) -> Verdict | None:
    """The text is of a pack, and the gate of packs does not pass it, or not any more."""
    if given.origin is not Origin.REFUSED:
        return None
    return Verdict(Reason.PACK_REFUSED, f"no accepted release of its import has this text; {given.pack}")


def pack_undecided(given: Situation) -> Verdict | None:
    """The text is of a pack about which nothing was decided yet."""
    if given.origin is not Origin.UNDECIDED or given.active == given.digest:
        return None
    return Verdict(Reason.PROGRESSING, f"its import is being decided; {given.pack}")


def verification_failed(given: Situation) -> Verdict | None:
    """The gates found something wrong."""
    if given.verified is not False:
        return None
    return Verdict(Reason.VERIFICATION_FAILED, f"{given.failure}; edit the procedure", stalled=True)


def verifying(given: Situation) -> Verdict | None:
    """The gates have not said anything yet."""
    if given.verified is not None or given.active == given.digest:
        return None
    return Verdict(Reason.VERIFYING, "the gates are at work in the verification runners")


def overlapping(given: Situation) -> Verdict | None:
    """A request could match two procedures."""
    if not given.overlaps:
        return None
    return Verdict(Reason.OVERLAPS, "; ".join(given.overlaps) + "; narrow one of the two")


def awaiting_review(given: Situation) -> Verdict | None:
    """Nobody has decided yet."""
    if given.review is not None and given.review.state is State.APPROVED:
        return None
    if given.origin is Origin.PACK or (given.origin is Origin.UNDECIDED and given.active == given.digest):
        return None
    needed = given.review.message if given.review else "an approval needed"
    shadow = (
        "; reviewPolicy AfterShadow: shadow runs are not available in this version, so a person decides"
        if given.after_shadow
        else ""
    )
    return Verdict(
        Reason.AWAITING_REVIEW, f"{needed}; decide with: kubectl seglam review show {given.review_name}{shadow}"
    )


def pin_not_approved(given: Situation) -> Verdict | None:
    """The pinned revision is not served."""
    pinned = given.activation.digest
    if given.activation.mode != "Pinned" or given.active == pinned:
        return None
    return Verdict(
        Reason.PIN_NOT_APPROVED,
        f"the pinned revision {hexadecimal(pinned or '')} is not there, not verified or not approved; {served(given)}",
    )


def activating(given: Situation) -> Verdict | None:
    """The label is on its way."""
    if given.active == given.digest or given.pinned_elsewhere:
        return None
    return Verdict(Reason.PROGRESSING, "the revision is about to be served")


def runners_not_ready(given: Situation) -> Verdict | None:
    """Nothing can run the code yet."""
    if given.runners is None:
        return None
    return Verdict(Reason.RUNNERS_NOT_READY, given.runners)


def superseded_by_pin(given: Situation) -> Verdict | None:
    """The pin serves another revision than the current spec's, as its author wants."""
    if not given.pinned_elsewhere:
        return None
    return Verdict(Reason.ACTIVE, f"the pinned revision is served: {hexadecimal(given.active or '')}", ready=True)


def active(given: Situation) -> Verdict | None:
    """All is as the spec wants it."""
    return Verdict(Reason.ACTIVE, f"revision {hexadecimal(given.active or '')} is served", ready=True)


READY: tuple[Policy[Situation], ...] = (
    invalid,
    author_unknown,
    not_owned,
    quarantined,
    rejected,
    pack_refused,
    verification_failed,
    verifying,
    pack_undecided,
    overlapping,
    awaiting_review,
    pin_not_approved,
    activating,
    runners_not_ready,
    active,
)
"""Decides the condition Ready of a procedure whose current spec is to be served."""

PINNED: tuple[Policy[Situation], ...] = (
    invalid,
    not_owned,
    pin_not_approved,
    runners_not_ready,
    superseded_by_pin,
)
"""Decides it where another revision than the current spec's is pinned."""


def chain_of(given: Situation) -> tuple[Policy[Situation], ...]:
    """The policies that apply."""
    return PINNED if given.digest is not None and given.pinned_elsewhere else READY


def serving(given: Situation) -> Verdict:
    """The condition Serving: whether requests are answered, be it by an older revision."""
    if given.active is None:
        return Verdict(Reason.NOTHING_APPROVED, "no revision is approved, so requests of this type miss")
    if given.runners is not None:
        return Verdict(Reason.RUNNERS_NOT_READY, given.runners)
    return Verdict(Reason.SERVING, served(given), ready=True)


def served(given: Situation) -> str:
    """What is served, in words."""
    if given.active is None:
        return "nothing is served"
    which = "" if given.active == given.digest else ", an older one than the spec's"
    return f"revision {hexadecimal(given.active)} is served{which}"
