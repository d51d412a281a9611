"""TrustPolicy and TrustRoot: what administrators say about packs. Tenants neither write nor choose them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from seglam.packs.trust.policy import TrustPolicySpec
from seglam.packs.trust.roots import TrustRootSpec
from seglam.resources.base import Count, Resource, Status, Time, rules

POLICY_RULES = rules(
    (
        "self.require.all(r, self.mode == 'Keyless' ? has(r.identities) && size(r.identities) > 0 && !has(r.keys) "
        ": has(r.keys) && size(r.keys) > 0 && !has(r.identities))",
        "in mode Keyless every requirement has identities and no keys, in mode Key keys and no identities",
    ),
    (
        "self.require.all(r, r.count == 'Reviewers' ? r.predicate == 'review' : r.threshold <= "
        "(has(r.identities) ? size(r.identities) : 0) + (has(r.keys) ? size(r.keys) : 0))",
        "a threshold above the number of signers is never met; count Reviewers is for reviews only",
    ),
    (
        "self.approval != 'Pack' || self.require.exists(r, r.predicate == 'review')",
        "approval Pack needs a required review",
    ),
)
"""What the model checks beside the fields, so that no policy that contradicts itself is ever stored."""
ROOT_RULES = rules(
    (
        "has(self.keyless) || has(self.tuf) || (has(self.keys) && size(self.keys) > 0)",
        "a trust root needs keyless, keys or tuf: it believes nobody",
    ),
)


class TrustPolicyStatus(Status):
    """Whether the policy can decide anything."""


class TrustPolicy(Resource):
    """Which statements, signed by whom, a pack needs before it is imported into some namespaces."""

    kind: Literal["TrustPolicy"] = "TrustPolicy"
    spec: TrustPolicySpec = Field(
        description="What is needed, for which namespaces and packs.", json_schema_extra=POLICY_RULES
    )
    status: TrustPolicyStatus = Field(
        default_factory=TrustPolicyStatus, description="Whether the policy can decide anything."
    )


class TrustRootStatus(Status):
    """What was seen of the root's index."""

    index_version: Count | None = Field(
        default=None, description="The highest snapshot version of the index that was seen; older ones are refused."
    )
    index_expires: Time | None = Field(default=None, description="Until when the index that was seen last holds.")


class TrustRoot(Resource):
    """Keys and authorities that are believed, and where packs of which origin are fetched from."""

    kind: Literal["TrustRoot"] = "TrustRoot"
    spec: TrustRootSpec = Field(
        description="Keys, authorities and sources that belong together.", json_schema_extra=ROOT_RULES
    )
    status: TrustRootStatus = Field(default_factory=TrustRootStatus, description="What was seen of the root's index.")
