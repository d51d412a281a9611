"""What a version holds, for who chooses one: provenance checked now, what to trust for it, what changed, trials."""

from __future__ import annotations

import json
from dataclasses import asdict
from decimal import Decimal
from typing import Annotated, Any, Literal

import yaml
from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from pydantic import Field, StringConstraints

from seglam.packs.chain import Chain
from seglam.packs.difference import Difference, difference
from seglam.packs.names import PackName
from seglam.packs.pack import Pack as PackRead
from seglam.packs.trust.roots import TrustRoot
from seglam.procedures import Attachment, Request
from seglam.registry import provenance, trusting
from seglam.registry.api.answers import answer
from seglam.registry.api.documents import Document
from seglam.registry.api.errors import problems
from seglam.registry.api.packs import Namespace, Origin, Pack, Version, named, version_row
from seglam.registry.api.parts import Here, Parts
from seglam.registry.shelf import chain_of
from seglam.registry.tables import VersionRow
from seglam.registry.trying import Trial
from seglam.web import Problem

router = APIRouter(prefix="/packs", tags=["packs"])
MAX_TEXT = 64 * 1024
READS = problems(403, 404, 410)
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Text = Annotated[str, StringConstraints(max_length=MAX_TEXT)]


class SignerShown(Document):
    """Who signed a statement, by the signature that was verified."""

    bundle: str
    mode: Literal["Keyless", "Key"]
    subject: str
    issuer: str | None
    time: str | None
    log_index: int | None
    root: str | None


class CheckShown(Document):
    """What was compared, and whether it holds."""

    link: str
    passed: bool
    words: str


class LinkShown(Document):
    """One link of the chain."""

    name: str
    title: str
    state: Literal["holds", "broken", "unchecked", "nothing"]
    said: list[str]
    signers: list[SignerShown]
    checks: list[CheckShown]
    unchecked: list[str] = Field(description="What nobody can tell from here.")


class ProvenanceShown(Document):
    """From the requests that were missed to who imported it."""

    release: str
    digest: str
    whole: bool = Field(description="Whether every check holds.")
    links: list[LinkShown]


class StepShown(Document):
    """One thing that the gate looked at."""

    name: str
    passed: bool
    code: str
    words: str
    detail: dict[str, str]
    decides: bool


class TrustShown(Document):
    """What an importer trusts for a version, and what the gate says of it with that."""

    root: dict[str, Any]
    policy: dict[str, Any]
    allowed: bool
    steps: list[StepShown]


class DifferenceShown(Document):
    """What changed from one version to another."""

    before: str
    after: str
    description: list[list[str]]
    procedures: list[dict[str, Any]]
    files: list[dict[str, Any]]


class AttachedInput(Document):
    """An input of a request."""

    media_type: Name
    text: Text


class TrialAsked(Document):
    """A request: a text, or a structured value as JSON text."""

    text: Text | None = None
    value: Text | None = None
    inputs: dict[Name, AttachedInput] = Field(default_factory=dict, max_length=8)
    context: dict[Name, Annotated[str, StringConstraints(max_length=4096)]] = Field(default_factory=dict, max_length=16)

    def request(self) -> Request:
        """The request; `Problem` 422 if it states neither or both, or no JSON."""
        if (self.text is None) == (self.value is None):
            raise Problem(422, "invalid", "state either text or value")
        try:
            value = None if self.value is None else json.loads(self.value, parse_float=Decimal)
        except (ValueError, RecursionError) as error:
            raise Problem(422, "invalid", f"value is no JSON text: {str(error)[:200]}") from None
        inputs = {name: Attachment(each.media_type, each.text) for name, each in self.inputs.items()}
        return Request(text=self.text, value=value, inputs=inputs, context=self.context)


class TrialShown(Document):
    """What a version does with a request."""

    outcome: Literal["hit", "miss"]
    explanation: str
    answer: str | None
    procedure: str | None
    arguments: dict[str, str]


@router.get(
    "/{namespace}/{pack}/versions/{version}/provenance",
    response_model=ProvenanceShown,
    summary="Where a version comes from, checked now",
    responses=READS,
)
def provenance_shown(here: Here, namespace: Namespace, pack: Pack, version: Version, origin: Origin = None) -> Response:
    """Each link says who signed what, what was compared, and what nobody can tell from here."""
    row, found, _ = examined(here, named(here, origin, namespace, pack, version), version)
    listed = [each.document() for each in provenance.links(found, row)]
    shown = {"release": f"{row.name}@{row.version}", "digest": row.digest, "whole": found.whole, "links": listed}
    return answer(ProvenanceShown.model_validate(shown))


@router.get(
    "/{namespace}/{pack}/versions/{version}/trust",
    response_model=TrustShown,
    summary="What an importer of a version trusts",
    responses=problems(403, 404, 409, 410),
)
def trust_shown(here: Here, namespace: Namespace, pack: Pack, version: Version, origin: Origin = None) -> Response:
    """A TrustRoot and a TrustPolicy, made of what its statements prove. Compare keys and issuers with what their owners
    publish elsewhere: a registry that lies could name its own."""
    found = trusted(here, named(here, origin, namespace, pack, version), version)
    steps = [each.document() for each in found.decision.steps]
    shown = {"root": found.root, "policy": found.policy, "allowed": found.decision.allowed, "steps": steps}
    return answer(TrustShown.model_validate(shown))


@router.get(
    "/{namespace}/{pack}/versions/{version}/trust/{document}.yaml",
    summary="One of these documents as a file",
    response_class=Response,
    responses=problems(403, 404, 409, 410)
    | {
        200: {"description": "YAML", "content": {"application/yaml": {"schema": {"type": "string"}}}},
    },
)
def trust_file(
    here: Here,
    namespace: Namespace,
    pack: Pack,
    version: Version,
    document: Annotated[Literal["root", "policy"], Path()],
    origin: Origin = None,
) -> Response:
    """For `seglam pack trust add` and `kubectl apply`."""
    found = trusted(here, named(here, origin, namespace, pack, version), version)
    stated = found.root if document == "root" else found.policy
    return Response(yaml.safe_dump(stated, sort_keys=False, width=120), media_type="application/yaml")


@router.get(
    "/{namespace}/{pack}/difference",
    response_model=DifferenceShown,
    summary="What changed from one version to another",
    responses=READS,
)
def difference_shown(
    here: Here,
    namespace: Namespace,
    pack: Pack,
    before: Annotated[str, Query(max_length=64)],
    after: Annotated[str, Query(max_length=64)],
    origin: Origin = None,
) -> Response:
    """Procedures by name with their patterns, examples and code, and the files beside them."""
    found = compared(here, named(here, origin, namespace, pack, None), before, after)
    shown = {
        "before": str(found.before),
        "after": str(found.after),
        "description": [list(each) for each in found.description],
        "procedures": [asdict(each) for each in found.procedures],
        "files": [asdict(each) for each in found.files],
    }
    return answer(DifferenceShown.model_validate(shown))


@router.post(
    "/{namespace}/{pack}/versions/{version}/trials",
    response_model=TrialShown,
    summary="Try a version on a request",
    responses=problems(403, 404, 410, 413),
)
def tried(
    here: Here, namespace: Namespace, pack: Pack, version: Version, given: TrialAsked, origin: Origin = None
) -> Response:
    """Its procedures alone, in a sandbox that is made for this request; nothing is kept of it."""
    found = attempt(here, named(here, origin, namespace, pack, version), version, given.request())
    return answer(TrialShown.model_validate(asdict(found)))


def read(here: Parts, name: PackName, version: str) -> tuple[VersionRow, PackRead]:
    """A version with its content; `Problem` 403, 404 or 410 where it is not shown."""
    with here.database.read() as session:
        row = version_row(session, name, version)
        return row, here.shelf.pack(session, row)


def examined(here: Parts, name: PackName, version: str) -> tuple[VersionRow, Chain, list[TrustRoot]]:
    """A version with its chain, checked now, and by which roots."""
    with here.database.read() as session:
        row = version_row(session, name, version)
        return row, *chain_of(session, here.signing, row, here.shelf.pack(session, row))


def trusted(here: Parts, name: PackName, version: str) -> trusting.Trust:
    """What to trust for a version."""
    _, found, roots = examined(here, name, version)
    return trusting.trust_of(found, roots, here.settings.url, here.index_root(name.origin))


def compared(here: Parts, name: PackName, before: str, after: str) -> Difference:
    """What changed between two versions."""
    return difference(read(here, name, before)[1], read(here, name, after)[1])


def attempt(here: Parts, name: PackName, version: str, request: Request) -> Trial:
    """Try a version."""
    if here.trials is None:
        raise Problem(503, "sandbox-unavailable", "there is no sandbox here", headers={"Retry-After": "60"})
    return here.trials.attempt(read(here, name, version)[1], request)
