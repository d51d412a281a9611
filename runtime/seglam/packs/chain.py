"""The whole chain of a pack: who made each procedure from what, who tested, reviewed, published and imported it.

Every link is checked anew, and each check says what was compared with what. Nothing here asks a network.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import rfc8785

from seglam.packs.layout import Packed
from seglam.packs.trust.decision import PackFacts
from seglam.packs.trust.examination import Examined, examine
from seglam.packs.trust.predicates import (
    Provenance,
    Release,
    Review,
    Status,
    TestResult,
    VerificationSummary,
)
from seglam.packs.trust.roots import TrustRoot
from seglam.procedures import ReasoningProcedure, Revision
from seglam.procedures.canonical import plain

FORGED = frozenset({"signature", "malformed", "duplicate-key", "digest", "name", "version", "subject", "payload-type",
                    "predicate-type", "too-large", "internal"})  # fmt: skip
"""Why a bundle is no honest statement about this pack; others only lack somebody here who vouches for the signer."""


@dataclass(frozen=True, slots=True)
class Check:
    """One link of the chain: what was compared, and whether it holds."""

    link: str
    passed: bool
    words: str

    def document(self) -> dict[str, Any]:
        """Its JSON members."""
        return {"link": self.link, "passed": self.passed, "words": self.words}


@dataclass(frozen=True, slots=True)
class Chain:
    """What is known of one pack."""

    packed: Packed
    statements: tuple[Examined, ...]
    checks: tuple[Check, ...]

    @property
    def whole(self) -> bool:
        """Whether every link holds."""
        return all(check.passed for check in self.checks)

    def of(self, kind: type) -> Iterator[tuple[Examined, Any]]:
        """The verified statements of a kind, with their predicates."""
        for each in self.statements:
            if each.verified is not None and isinstance(each.verified.statement.predicate, kind):
                yield each, each.verified.statement.predicate


def chain(packed: Packed, roots: Iterable[TrustRoot]) -> Chain:
    """Examine every statement about a pack, and every link between them."""
    facts, known = PackFacts.of(packed.pack), list(roots)
    statements = tuple(examine(raw, known, facts) for raw in packed.bundles)
    unchecked = Chain(packed, statements, ())
    return Chain(packed, statements, tuple(_checks(unchecked)))


def _checks(found: Chain) -> Iterator[Check]:
    yield from _bytes(found)
    yield from _bundles(found)
    yield from _provenance(found)
    yield from _reviews(found)
    yield from _tests(found)
    yield from _release(found)
    yield from _importers(found)


def _bytes(found: Chain) -> Iterator[Check]:
    pack = found.packed.pack
    computed = "sha256:" + hashlib.sha256(pack.manifest).hexdigest()
    files = len(pack.paths())
    words = f"the manifest's bytes have {computed}; {files} files and pack.json have the sizes and digests it lists"
    yield Check("content", computed == pack.digest, words)
    stated = {each.name: each.digest for each in pack.manifest_model.procedures}
    actual = {document.metadata.name: Revision.of(document).digest for document in pack.procedures()}
    words = f"the canonical form of {len(actual)} procedures has the digests that pack.json lists"
    yield Check("procedures", stated == actual, words)


def _bundles(found: Chain) -> Iterator[Check]:
    for each in found.statements:
        name = f"{each.claimed or 'unknown'} {each.digest[:19]}"
        if each.passed:
            yield Check(f"signature of {name}", True, f"{each.words} Vouched for by trust root {each.root}.")
        elif each.code in FORGED:
            yield Check(f"signature of {name}", False, f"{each.words} ({each.code})")


def _provenance(found: Chain) -> Iterator[Check]:
    pack, stated = found.packed.pack, list(found.of(Provenance))
    if not stated:
        yield Check("provenance", False, _nobody(found, "provenance", "where the procedures come from"))
    wanted = {each.name: each.digest for each in pack.manifest_model.procedures}
    examples = {Revision.of(document).digest: exemplars(document) for document in pack.procedures()}
    for each, predicate in stated:
        named = {origin.name: origin.digest for origin in predicate.procedures}
        words = f"{each.digest[:19]} names {len(named)} procedures, the pack holds {len(wanted)}"
        yield Check("provenance -> procedures", named == wanted, words)
        same = all(origin.exemplars == examples.get(origin.digest) for origin in predicate.procedures)
        count = sum(len(origin.exemplars) for origin in predicate.procedures)
        yield Check("provenance -> exemplars", same, f"{count} hashes are those of the examples that the pack holds")
        gates = [(origin.name, gate) for origin in predicate.procedures for gate in origin.gates]
        failed = [f"{name}: {gate.name}" for name, gate in gates if not gate.passed]
        words = "; ".join(failed[:4]) or f"{len(gates)} gate results, all passed"
        yield Check("provenance -> gates", not failed, words)


def _nobody(found: Chain, kind: str, what: str) -> str:
    if any(each.claimed == kind and each.code not in FORGED for each in found.statements):
        return f"somebody says {what}, and no trust root here vouches for the signer; add theirs to read it"
    return f"nobody says {what}"


def _reviews(found: Chain) -> Iterator[Check]:
    wanted = {(each.name, each.digest) for each in found.packed.pack.manifest_model.procedures}
    origins = [origin for _, predicate in found.of(Provenance) for origin in predicate.procedures]
    authors = {author for origin in origins for author in origin.authors}
    for _, review in found.of(Review):
        named = {(each.name, each.digest) for each in review.procedures}
        words = f"{review.reviewer} says {review.decision} to {len(named)} of {len(wanted)} procedures"
        yield Check("review -> procedures", named <= wanted, words)
        words = f"{review.reviewer} is none of the {len(authors)} authors"
        yield Check("review -> authors", review.reviewer not in authors, words)


def _tests(found: Chain) -> Iterator[Check]:
    wanted = {each.digest.removeprefix("sha256:") for each in found.packed.pack.manifest_model.procedures}
    for _, result in found.of(TestResult):
        named = {each.digest.sha256 for each in result.configuration}
        words = f"{len(wanted & named)} of {len(wanted)} procedures were tested at their digests"
        yield Check("tests -> procedures", wanted <= named, words)
        words = f"{result.result}: {len(result.passed_tests)} passed, {len(result.failed_tests)} failed"
        yield Check("tests -> result", result.result == "PASSED" and not result.failed_tests, words)


def _release(found: Chain) -> Iterator[Check]:
    stated = list(found.of(Release))
    if not stated:
        yield Check("release", False, _nobody(found, "release", "that this name is this digest"))
    for each, release in stated:
        same = release.purl == found.packed.pack.release.purl
        signer = each.signature.words if each.signature else "?"
        yield Check("release -> name", same, f"{signer} says that {release.purl} is {found.packed.pack.digest[:19]}")
    statuses = [status for _, status in found.of(Status)]
    latest = max((status.time for status in statuses), default="")  # as at the gate: what was said last holds
    for status in statuses:
        holds = status.status == "restored" or status.time != latest
        yield Check("status", holds, f"{status.status} at {status.time}: {status.reason}")


def _importers(found: Chain) -> Iterator[Check]:
    held = {each.digest.removeprefix("sha256:"): each for each in found.statements}
    for each, summary in found.of(VerificationSummary):
        named = [one.digest.sha256 for one in summary.input_attestations]
        missing = [digest for digest in named if digest not in held]
        signer = each.signature.words if each.signature else "?"
        words = f"{signer} counted {len(named)} statements"
        words += f", {len(missing)} of which are not here" if missing else ", all of them here"
        yield Check("importer -> statements", not missing, words)
        words = f"{summary.verification_result} by {summary.policy.uri} at {summary.time_verified}"
        yield Check("importer -> result", summary.verification_result == "PASSED", words)


def exemplars(document: ReasoningProcedure) -> list[str]:
    """SHA-256 of each example's RFC 8785 JSON, in their order."""
    dumped = (each.model_dump(mode="json", by_alias=True) for each in document.spec.examples or ())
    return [hashlib.sha256(rfc8785.dumps(plain(each))).hexdigest() for each in dumped]  # type: ignore[arg-type]


def statement_document(each: Examined) -> Mapping[str, Any]:
    """One statement for `--json`."""
    signature = each.signature
    return {
        "bundle": each.digest,
        "predicate": each.claimed,
        "verified": each.passed,
        "code": each.code,
        "words": each.words,
        "trustRoot": each.root,
        "mode": signature.mode if signature else None,
        "signer": signature.subject if signature else None,
        "issuer": (signature.issuer or None) if signature else None,
        "time": signature.time.isoformat() if signature and signature.time else None,
        "logIndex": signature.log_index if signature else None,
        "statement": each.verified.statement.predicate.document() if each.verified else None,
    }
