"""Trust policies: which statements, signed by whom, a pack needs before a tenant may publish, import or run it."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from seglam.packs.trust.roots import KeyId
from seglam.procedures.document import Model

Mode = Literal["Keyless", "Key"]
Required = Literal["release", "provenance", "test-result", "review", "verification-summary"]
MaxAge = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,4}[mhd]$", max_length=6)]
"""Minutes, hours or days, such as 90d."""
_Glob = Annotated[str, StringConstraints(pattern=r"^[a-z0-9*?]([-a-z0-9*?]{0,61}[a-z0-9*?])?$", max_length=63)]
_Prefix = Annotated[
    str,
    StringConstraints(
        pattern=r"^([a-z0-9][a-z0-9.-]{0,252}/([a-z0-9-]{1,40}/)?\*|[a-z0-9][a-z0-9.-]{0,252}/[a-z0-9-]{1,40}/[a-z0-9-]{1,40}|\*)$",
        max_length=340,
    ),
]
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class Identity(Model):
    """Somebody who signs keyless. Both members must be the same, letter by letter: a subject alone says nothing."""

    issuer: Annotated[str, StringConstraints(pattern=r"^https?://[!-~]+$", max_length=512)] = Field(
        description="Issuer of the identity token, as the certificate names it."
    )
    subject: Annotated[str, StringConstraints(pattern=r"^[!-~]+$", max_length=512)] = Field(
        description="The certificate's subject alternative name, such as an e-mail address or "
        "https://kubernetes.io/namespaces/NS/serviceaccounts/SA."
    )


class Requirement(Model):
    """One kind of statement that must be there, and who may have signed it."""

    predicate: Required = Field(description="Kind of the statement.")
    identities: list[Identity] | None = Field(
        default=None, max_length=64, description="Who may sign it in Keyless mode; no wildcards."
    )
    keys: list[KeyId] | None = Field(
        default=None, max_length=64, description="Ids of the trust root's keys that may sign it in Key mode."
    )
    threshold: Annotated[int, Field(ge=1, le=16)] = Field(
        default=1, description="How many must have signed it, each counted once."
    )
    count: Literal["Signers", "Reviewers"] = Field(
        default="Signers",
        description="For reviews. Signers: each signer is one reviewer and must not have signed the provenance. "
        "Reviewers: the signers attest to reviews that they saw, and each reviewer they name counts once.",
    )
    max_age: MaxAge | None = Field(
        default=None, description="How old the statement may be, in minutes, hours or days, such as 90d."
    )

    @property
    def age(self) -> timedelta | None:
        """`max_age` as a duration."""
        if self.max_age is None:
            return None
        return timedelta(**{_UNITS[self.max_age[-1]]: int(self.max_age[:-1])})

    @model_validator(mode="after")
    def _can_be_met(self) -> Self:
        signers = len(set(self.identities or ()) | set(self.keys or ()))
        if signers < len(self.identities or ()) + len(self.keys or ()):
            raise ValueError(f"require {self.predicate}: a signer is there twice")
        if self.count == "Reviewers" and self.predicate != "review":
            raise ValueError(f"require {self.predicate}: count: Reviewers is for reviews only")
        if self.count == "Signers" and self.threshold > signers > 0:
            raise ValueError(f"require {self.predicate}: threshold {self.threshold} of {signers} signers is never met")
        return self


class TrustPolicySpec(Model):
    """What a pack needs, for which tenants and which packs."""

    namespaces: list[_Glob] = Field(
        min_length=1, max_length=64, description="Tenants that the policy is for; * and ? stand for any characters."
    )
    packs: list[_Prefix] = Field(
        min_length=1,
        max_length=64,
        description="Packs that the policy is for: origin/namespace/pack, origin/namespace/*, origin/* or *.",
    )
    trust_root: Annotated[str, StringConstraints(min_length=1, max_length=253)] = Field(
        description="Name of the TrustRoot whose authorities or keys are believed."
    )
    mode: Mode = Field(description="Keyless or Key; a signature of the other mode never counts.")
    require: list[Requirement] = Field(
        min_length=1, max_length=16, description="Statements that must be there; all of them."
    )
    index: Literal["Required", "Ignored"] = Field(
        default="Required", description="Whether the pack must be listed in a fresh index."
    )
    approval: Literal["Review", "Pack"] = Field(
        default="Review",
        description="Review: somebody here must approve the procedures. Pack: the reviews that the policy requires are "
        "the approval.",
    )

    @model_validator(mode="after")
    def _keeps_to_its_mode(self) -> Self:
        for each in self.require:
            wanted, other = ("identities", "keys") if self.mode == "Keyless" else ("keys", "identities")
            if not getattr(each, wanted):
                raise ValueError(f"require {each.predicate}: mode {self.mode} needs {wanted}")
            if getattr(each, other):
                raise ValueError(f"require {each.predicate}: mode {self.mode} takes no {other}")
            if self.mode == "Key" and each.max_age and each.predicate in ("release", "test-result"):
                raise ValueError(f"require {each.predicate}: it states no time, so maxAge needs mode Keyless")
        if self.approval == "Pack" and not any(each.predicate == "review" for each in self.require):
            raise ValueError("approval: Pack needs a required review")
        return self


@dataclass(frozen=True)
class TrustPolicy:
    """A policy by name."""

    name: str
    spec: TrustPolicySpec

    def specificity(self, namespace: str, pack: str) -> int | None:
        """Length of the longest pack prefix that matches; None when the policy is not for this tenant or pack.

        An exact name is more specific than any prefix.
        """
        if not any(fnmatch.fnmatchcase(namespace, glob) for glob in self.spec.namespaces):
            return None
        return max((size for prefix in self.spec.packs if (size := _matched(prefix, pack)) is not None), default=None)


def matching(policies: Iterable[TrustPolicy], namespace: str, pack: str) -> tuple[TrustPolicy, ...]:
    """The policies that decide for a tenant and a pack (`origin/namespace/pack`): all that match most specifically.

    None: nobody may use the pack. Several: each of them must allow.
    """
    ranked = [(size, each) for each in policies if (size := each.specificity(namespace, pack)) is not None]
    best = max((size for size, _ in ranked), default=0)
    return tuple(sorted((each for size, each in ranked if size == best), key=lambda each: each.name))


def _matched(prefix: str, pack: str) -> int | None:
    if prefix == pack:
        return 1024
    if prefix.endswith("*") and pack.startswith(prefix[:-1]):
        return len(prefix) - 1
    return None
