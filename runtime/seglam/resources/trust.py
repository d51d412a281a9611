"""TrustPolicy and TrustRoot: what administrators say about packs. Tenants neither write nor choose them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from seglam.packs.trust.policy import TrustPolicySpec
from seglam.packs.trust.roots import TrustRootSpec
from seglam.resources.base import Count, Resource, Status, Time


class TrustPolicyStatus(Status):
    """Whether the policy can decide anything."""


class TrustPolicy(Resource):
    """Which statements, signed by whom, a pack needs before it is imported into some namespaces."""

    kind: Literal["TrustPolicy"] = "TrustPolicy"
    spec: TrustPolicySpec = Field(description="What is needed, for which namespaces and packs.")
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
    spec: TrustRootSpec = Field(description="Keys, authorities and sources that belong together.")
    status: TrustRootStatus = Field(default_factory=TrustRootStatus, description="What was seen of the root's index.")
