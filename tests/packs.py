"""Small packs for tests, and things that look like bundles and are signed by nobody."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from functools import cache

from seglam.packs import oci
from seglam.packs.build import About, Source, build_pack
from seglam.packs.manifest import Requirement
from seglam.packs.pack import Pack
from seglam.procedures import ReasoningProcedure
from tests.documents import document

NAME = "registry.acme.example/acme/basics"
RELEASE = "https://in-toto.io/attestation/release/v0.1"
REVIEW = "https://seglam.dev/attestation/review/v1"


def pack(
    name: str = NAME,
    version: str = "1.0.0",
    *,
    documents: Sequence[ReasoningProcedure] | None = None,
    files: Mapping[str, bytes] | None = None,
    requires: Mapping[str, str] | None = None,
    description: str = "Doubles numbers.",
) -> Pack:
    """A pack of one procedure, README and licence, or of what is given."""
    needed = tuple(Requirement(name=other, range=text) for other, text in (requires or {}).items())
    about = About(name=name, version=version, description=description, licence="Apache-2.0", requires=needed)
    own = {"README.md": b"# Basics\n", "LICENSE": b"Apache-2.0\n"} if files is None else files
    return build_pack(Source(about, tuple(documents) if documents is not None else (document(),), own))


@cache
def basic() -> Pack:
    """The pack that `pack` makes when nothing is asked for."""
    return pack()


def unsigned(predicate_type: str = RELEASE, **predicate: object) -> bytes:
    """The form of a bundle around a statement, with a signature that verifies nowhere."""
    statement = {"_type": "https://in-toto.io/Statement/v1", "predicateType": predicate_type, "predicate": predicate}
    envelope = {
        "payload": base64.b64encode(json.dumps(statement).encode()).decode(),
        "payloadType": "application/vnd.in-toto+json",
        "signatures": [{"sig": base64.b64encode(b"nobody").decode()}],
    }
    return json.dumps({"mediaType": oci.BUNDLE, "verificationMaterial": {}, "dsseEnvelope": envelope}).encode()
