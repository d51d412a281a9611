"""PackImport: what a tenant takes from a registry; neither address nor signers are theirs to say."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from seglam.procedures.document import Digest, Model
from seglam.resources.base import Name, Reported, Resource, ResourceName, Status, Text, Time, list_map, rules

MAX_PROCEDURES = 1000
MAX_STEPS = 64
MAX_RELEASES = 4
MAX_BUNDLE = 128 * 1024

PackText = Annotated[
    str,
    StringConstraints(
        pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*$", max_length=336
    ),
]
ReleaseText = Annotated[str, StringConstraints(min_length=1, max_length=512)]
VersionText = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class PackImportSpec(Model):
    """Which pack, and which version of it. Address, signers and mode follow from the cluster's trust policies."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("has(self.version) != has(self.digest)", "state either version or digest"),
            ("!has(self.follow) || !self.follow || has(self.version)", "a digest cannot be followed; state a version"),
            ("self.pack == oldSelf.pack", "an import stays with its pack; make another import"),
        )
    )

    pack: PackText = Field(description="Name of the pack: origin/namespace/pack.")
    version: VersionText | None = Field(
        default=None, description="An exact version such as 1.2.3, or a range: ^1.2, ~1.2.3, '>=1.0.0 <2.0.0'."
    )
    digest: Digest | None = Field(default=None, description="Digest of the pack's manifest, instead of a version.")
    follow: bool | None = Field(
        default=None, description="Take later versions of the range as they are published; else the first one stays."
    )


class ImportedProcedure(Reported):
    """One procedure of a pack."""

    name: ResourceName = Field(description="Name of the ReasoningProcedure.")
    digest: Digest = Field(description="Digest of the text that the pack holds.")


class AcceptedRelease(Reported):
    """A release that the gate passed and whose procedures may be served."""

    release: ReleaseText = Field(description="The release: origin/namespace/pack@version.")
    digest: Digest = Field(description="Digest of its manifest.")
    approval: Literal["Review", "Pack"] = Field(
        description="What counts as approval of its procedures: a review in this namespace, or the pack's own reviews."
    )
    procedures: list[ImportedProcedure] = Field(max_length=MAX_PROCEDURES, description="Its procedures.")


class DecisionStep(Reported):
    """One thing that the gate looked at."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=128)] = Field(description="What was looked at.")
    passed: bool = Field(description="Whether it is as the policy wants it.")
    code: Annotated[str, StringConstraints(max_length=63)] = Field(description="The outcome as one word.")
    message: Text = Field(description="The outcome for people.")


class ImportSummary(Reported):
    """The operator's own signed statement about its decision."""

    digest: Digest = Field(description="Digest of the bundle.")
    of: Digest = Field(description="Digest of what was decided: release, policy, and the statements that counted.")
    signer: Annotated[str, StringConstraints(max_length=1024)] = Field(
        description="Who signed it: the id of the operator's key, or the identity of its service account."
    )
    bundle: Annotated[str, StringConstraints(max_length=MAX_BUNDLE)] = Field(
        description="Sigstore bundle with the SLSA verification summary, as JSON text."
    )


class PackImportStatus(Status):
    """What the operator decided, by which policy, and what was made of it."""

    release: ReleaseText | None = Field(default=None, description="The release that was decided about last.")
    digest: Digest | None = Field(default=None, description="Digest of its manifest.")
    version: VersionText | None = Field(default=None, description="Its version.")
    policy: Name | None = Field(default=None, description="The TrustPolicy that decided.")
    highest_version: VersionText | None = Field(
        default=None, description="The highest version that was ever accepted; lower ones are refused."
    )
    valid_until: Time | None = Field(
        default=None,
        description="Until when the decision stands if the registry cannot be reached: the index expires then.",
    )
    accepted: list[AcceptedRelease] | None = Field(
        default=None,
        max_length=MAX_RELEASES,
        description="Releases whose procedures may be served: the current one, and earlier ones until it is approved.",
        json_schema_extra=list_map("release"),
    )
    steps: list[DecisionStep] | None = Field(
        default=None, max_length=MAX_STEPS, description="What the gate looked at, in its order."
    )
    summary: ImportSummary | None = Field(default=None, description="The operator's signed statement.")


class PackImport(Resource):
    """A pack that a tenant wants: the operator verifies it by the cluster's policies and makes its procedures."""

    kind: Literal["PackImport"] = "PackImport"
    spec: PackImportSpec = Field(description="Which pack, and which version of it.")
    status: PackImportStatus = Field(
        default_factory=PackImportStatus, description="What was decided, by which policy, and what was made of it."
    )
