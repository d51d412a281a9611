"""What can be said of a pack: one strict model and one exact type URI for each kind of statement.

Release and test result follow the in-toto predicates, provenance and verification summary those of SLSA 1; review and
status are SEGLAM's own, since no vetted predicate says who approved which procedure.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from seglam.procedures.document import Digest, Model

BUILD_TYPE = "https://seglam.dev/build/compilation/v1"
"""Says that a provenance's parameters are `ProcedureOrigin`s."""

Kind = Literal["release", "provenance", "test-result", "review", "verification-summary", "status"]
"""Short name of a predicate, as policies and commands write it."""


def _is_time(text: str) -> str:
    datetime.fromisoformat(text)  # raises ValueError for the 30th of February
    return text


Time = Annotated[
    str,
    StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$", max_length=20),
    AfterValidator(_is_time),
]
"""UTC in RFC 3339 to the second, such as 2026-11-21T12:00:00Z."""
Hex256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$", max_length=64)]
Purl = Annotated[str, StringConstraints(pattern=r"^pkg:seglam/[ -~]{1,480}$", max_length=512)]
"""Name of a release: `pkg:seglam/ORIGIN/NAMESPACE/PACK@VERSION`."""
Person = Annotated[str, StringConstraints(min_length=1, max_length=512)]
"""A person or service by the name under which it was authenticated."""
TraceId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$", max_length=32)]
_Line = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
_Uri = Annotated[str, StringConstraints(min_length=1, max_length=1024)]


class Part(Model):
    """Base of what statements are made of: strict types, no unknown members."""

    model_config = ConfigDict(strict=True)


class Predicate(Part):
    """Base of the predicates.

    Attributes:
        kind: its short name.
        uri: its exact `predicateType`.
    """

    kind: ClassVar[Kind]
    uri: ClassVar[str]

    def document(self) -> dict[str, Any]:
        """Its JSON members, without those that are absent."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Sha256(Part):
    """A digest as in-toto writes it."""

    sha256: Hex256 = Field(description="SHA-256 in hexadecimal.")


class NamedDigest(Part):
    """A thing and its digest."""

    name: _Line = Field(description="Name of the thing, such as a prompt or an engine.")
    digest: Sha256 = Field(description="Digest of its bytes.")


class ReviewedProcedure(Part):
    """A procedure of the pack at one content."""

    name: _Line = Field(description="Name of the procedure.")
    digest: Digest = Field(description="Digest of the procedure's canonical form.")


class Release(Predicate):
    """The registry says: this name and version are this digest."""

    kind: ClassVar[Kind] = "release"
    uri: ClassVar[str] = "https://in-toto.io/attestation/release/v0.1"

    purl: Purl = Field(description="The release; the same as the subject's name.")
    release_id: _Line | None = Field(default=None, description="The registry's own number of the publication.")


class GateResult(Part):
    """What one gate of the compiler found."""

    name: _Line = Field(description="Name of the gate.")
    passed: bool = Field(description="Whether the gate let the procedure through.")
    detail: Annotated[str, StringConstraints(max_length=1024)] | None = Field(
        default=None, description="What the gate counted or found, in words."
    )


class ProcedureOrigin(Part):
    """How one procedure came to be. Requests and examples are named by hash only, since they are users' words."""

    name: _Line = Field(description="Name of the procedure.")
    digest: Digest = Field(description="Digest of the procedure's canonical form.")
    origin: Literal["compiled", "written"] = Field(description="Whether a model or a person wrote it.")
    model: _Line | None = Field(default=None, description="Id of the model that wrote it.")
    prompts: list[NamedDigest] = Field(default_factory=list, max_length=64, description="Prompts by name and digest.")
    misses: list[Hex256] = Field(
        default_factory=list, max_length=1000, description="SHA-256 of each request that was missed before."
    )
    exemplars: list[Hex256] = Field(
        default_factory=list, max_length=10_000, description="SHA-256 of each example that the procedure was held to."
    )
    gates: list[GateResult] = Field(default_factory=list, max_length=64, description="The gates and their results.")
    authors: list[Person] = Field(min_length=1, max_length=64, description="Who wrote it or asked for it.")
    reviewers: list[Person] = Field(
        default_factory=list, max_length=64, description="Who had approved it when the pack was made."
    )
    trace: TraceId | None = Field(default=None, description="Id of the compilation's trace.")


class Parameters(Part):
    """What was compiled into the pack."""

    procedures: list[ProcedureOrigin] = Field(max_length=2000, description="One entry for each procedure.")


class Dependency(Part):
    """Something that went into the build."""

    uri: _Uri = Field(description="What it is, such as model:NAME or prompt:NAME.")
    digest: Sha256 | None = Field(default=None, description="Digest of its bytes, if it has bytes we saw.")


class BuildDefinition(Part):
    """Inputs of the build, as SLSA 1 names them."""

    build_type: Literal["https://seglam.dev/build/compilation/v1"] = Field(
        default="https://seglam.dev/build/compilation/v1", description="Says how the parameters are read."
    )
    external_parameters: Parameters = Field(description="What was compiled.")
    resolved_dependencies: list[Dependency] = Field(
        default_factory=list, max_length=4000, description="Models and prompts that were used."
    )


class Builder(Part):
    """Who built."""

    id: _Uri = Field(description="URI of the builder.")
    version: dict[str, str] | None = Field(default=None, description="Versions of its parts by name.")


class BuildMetadata(Part):
    """When and in which run."""

    invocation_id: _Line | None = Field(default=None, description="Trace id of the build of the pack.")
    started_on: Time | None = Field(default=None, description="When the build began.")
    finished_on: Time | None = Field(default=None, description="When it ended.")


class RunDetails(Part):
    """The run of the build."""

    builder: Builder = Field(description="Who built.")
    metadata: BuildMetadata | None = Field(default=None, description="When, and in which run.")


class Provenance(Predicate):
    """The compiler or the publisher says how the pack came to be."""

    kind: ClassVar[Kind] = "provenance"
    uri: ClassVar[str] = "https://slsa.dev/provenance/v1"

    build_definition: BuildDefinition = Field(description="What went in.")
    run_details: RunDetails = Field(description="Who built it, and when.")

    @property
    def procedures(self) -> list[ProcedureOrigin]:
        """How each procedure came to be."""
        return self.build_definition.external_parameters.procedures

    @classmethod
    def of(
        cls,
        procedures: list[ProcedureOrigin],
        *,
        builder: str,
        trace: str | None = None,
        started: str | None = None,
        finished: str | None = None,
    ) -> Provenance:
        """A provenance whose dependencies are the models and prompts that the procedures name."""
        models = sorted({each.model for each in procedures if each.model})
        prompts = sorted({(prompt.name, prompt.digest.sha256) for each in procedures for prompt in each.prompts})
        dependencies = [Dependency(uri=f"model:{name}") for name in models]
        dependencies += [Dependency(uri=f"prompt:{name}", digest=Sha256(sha256=hexa)) for name, hexa in prompts]
        metadata = BuildMetadata(invocation_id=trace, started_on=started, finished_on=finished)
        return cls(
            build_definition=BuildDefinition(
                external_parameters=Parameters(procedures=procedures), resolved_dependencies=dependencies
            ),
            run_details=RunDetails(builder=Builder(id=builder), metadata=metadata),
        )


class TestResult(Predicate):
    """Somebody ran the pack's tests in the sandbox."""

    __test__: ClassVar[bool] = False  # not a test of pytest's
    kind: ClassVar[Kind] = "test-result"
    uri: ClassVar[str] = "https://in-toto.io/attestation/test-result/v0.1"

    result: Literal["PASSED", "WARNED", "FAILED"] = Field(description="What the run amounts to.")
    configuration: list[NamedDigest] = Field(
        min_length=1, max_length=2001, description="What was tested with what: procedures and the engine, by digest."
    )
    passed_tests: list[_Line] = Field(default_factory=list, max_length=20_000, description="Tests that passed.")
    warned_tests: list[_Line] = Field(default_factory=list, max_length=20_000, description="Tests that warned.")
    failed_tests: list[_Line] = Field(default_factory=list, max_length=20_000, description="Tests that failed.")


class Review(Predicate):
    """A reviewer approved or rejected procedures at exact digests, or somebody saw them do so."""

    kind: ClassVar[Kind] = "review"
    uri: ClassVar[str] = "https://seglam.dev/attestation/review/v1"

    procedures: list[ReviewedProcedure] = Field(min_length=1, max_length=2000, description="What was decided about.")
    decision: Literal["approve", "reject"] = Field(description="What was decided.")
    reviewer: Person = Field(description="Who decided.")
    authors: list[Person] = Field(
        min_length=1, max_length=64, description="The procedures' authors, none of whom may be the reviewer."
    )
    reason: Annotated[str, StringConstraints(max_length=1024)] | None = Field(default=None, description="Why.")
    time: Time = Field(description="When it was decided.")
    expires: Time | None = Field(default=None, description="When the decision stops to count.")


class Verifier(Part):
    """Who verified."""

    id: _Uri = Field(description="URI of the verifier.")
    version: dict[str, str] | None = Field(default=None, description="Versions of its parts by name.")


class PolicyReference(Part):
    """The policy that decided."""

    uri: _Uri = Field(description="Name of the policy.")
    digest: Sha256 | None = Field(default=None, description="Digest of the policy's canonical form.")


class InputAttestation(Part):
    """A bundle that was looked at."""

    uri: _Uri | None = Field(default=None, description="Its predicate type.")
    digest: Sha256 = Field(description="Digest of the bundle's bytes.")


class VerificationSummary(Predicate):
    """Whoever imports a pack says what their gate decided."""

    kind: ClassVar[Kind] = "verification-summary"
    uri: ClassVar[str] = "https://slsa.dev/verification_summary/v1"

    verifier: Verifier = Field(description="Who verified.")
    time_verified: Time = Field(description="When.")
    resource_uri: Purl = Field(description="The release; the same as the subject's name.")
    policy: PolicyReference = Field(description="The policy that decided.")
    input_attestations: list[InputAttestation] = Field(
        default_factory=list, max_length=256, description="The bundles that counted."
    )
    verification_result: Literal["PASSED", "FAILED"] = Field(description="What was decided.")
    verified_levels: list[_Line] = Field(
        default_factory=list, max_length=64, description="What was found to hold, such as SEGLAM_REVIEWED."
    )
    slsa_version: _Line | None = Field(default=None, description="Version of SLSA that the levels refer to.")


class Status(Predicate):
    """The registry takes a version out of use, or puts it back."""

    kind: ClassVar[Kind] = "status"
    uri: ClassVar[str] = "https://seglam.dev/attestation/status/v1"

    status: Literal["yanked", "quarantined", "restored"] = Field(description="What holds from now on.")
    reason: Annotated[str, StringConstraints(min_length=1, max_length=1024)] = Field(description="Why.")
    time: Time = Field(description="Since when.")


PREDICATES: dict[str, type[Predicate]] = {
    each.uri: each for each in (Release, Provenance, TestResult, Review, VerificationSummary, Status)
}
"""Models by their exact `predicateType`; nothing else is ever read."""
URIS: dict[Kind, str] = {each.kind: uri for uri, each in PREDICATES.items()}
"""Type URIs by short name."""
