"""The provenance of a version as a chain of links, from the requests that were missed to who imported it.

Each link says what stands in it, who signed that, what was compared just now, and what nobody can tell from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from seglam.packs.chain import FORGED, Chain, Check
from seglam.packs.trust.examination import Examined
from seglam.packs.trust.predicates import (
    ProcedureOrigin,
    Provenance,
    Release,
    Review,
    Status,
    TestResult,
    VerificationSummary,
)
from seglam.registry.tables import VersionRow

State = Literal["holds", "broken", "unchecked", "nothing"]
SHOWN = 5
_WORDS = 300


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed a statement, by the signature that was verified."""

    bundle: str
    mode: str
    subject: str
    issuer: str | None
    time: str | None
    log_index: int | None
    root: str | None


@dataclass(frozen=True, slots=True)
class Link:
    """One link.

    Attributes:
        state: `holds`: all that is checked here holds; `broken`: something does not; `unchecked`: there are statements
            and nobody here vouches for who signed them; `nothing`: nothing is said.
        said: what stands in it.
        unchecked: what nobody can tell from here.
    """

    name: str
    title: str
    state: State
    said: tuple[str, ...]
    signers: tuple[Signer, ...]
    checks: tuple[Check, ...]
    unchecked: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """As JSON shows it."""
        return asdict(self)


def links(found: Chain, row: VersionRow) -> tuple[Link, ...]:
    """The chain of a version."""
    return tuple(_links(found, row))


def _links(found: Chain, row: VersionRow) -> Iterator[Link]:
    stated = [predicate for _, predicate in found.of(Provenance)]
    origins = [origin for each in stated for origin in each.procedures]
    provenance = _signers(found, Provenance)
    by = _Builder(found)
    misses = len({digest for each in origins for digest in each.misses})
    exemplars = sum(len(each.exemplars) for each in origins)
    yield by.link(
        "misses",
        "Requests that were missed",
        "provenance",
        [f"{misses} requests and {exemplars} examples, each as a SHA-256", *_listed(origins, "misses")],
        provenance,
        by.checks("provenance -> exemplars"),
        ["whether the requests were ever asked: only their hashes are published"] if misses else [],
    )
    yield by.link(
        "model",
        "Model or author",
        "provenance",
        [*_models(origins), *_people("written or asked for by", (name for each in origins for name in each.authors))],
        provenance,
        by.checks("provenance -> procedures"),
        ["that this model wrote it: who built the pack says so"] if any(each.model for each in origins) else [],
    )
    gates = [gate for each in origins for gate in each.gates]
    failed = sum(not gate.passed for gate in gates)
    yield by.link(
        "gates",
        "Gates of the compilation",
        "provenance",
        [f"{len(gates) - failed} of {len(gates)} gate results passed, for {len(origins)} procedures"],
        provenance,
        by.checks("provenance -> gates"),
        ["that the gates ran as stated: the registry ran its own, see below"] if gates else [],
    )
    yield _reviewers(by, origins)
    yield by.link(
        "publisher",
        "Publisher",
        "provenance",
        [f"published by {row.publisher_subject} of {row.publisher_issuer or 'this registry'} at {row.published[:19]}Z"],
        provenance,
        by.checks("content", "procedures", "signature of provenance"),
        ["who the publisher is: the registry authenticated the name above when it was published"],
    )
    yield _registry(by)
    yield _importers(by)


def _reviewers(by: _Builder, origins: Sequence[ProcedureOrigin]) -> Link:
    reviews = [review for _, review in by.found.of(Review)]
    said = [f"{each.decision} by {each.reviewer} at {each.time}" + _because(each.reason) for each in reviews]
    earlier = _people("approved before it was packed, as the publisher says, by",
                      (name for each in origins for name in each.reviewers))  # fmt: skip
    return by.link(
        "reviewers",
        "Reviewers",
        "review",
        [*said, *earlier],
        _signers(by.found, Review),
        by.checks("review -> procedures", "review -> authors", "signature of review"),
        ["reviews that the publisher only reports are signed by nobody else"] if list(earlier) else [],
    )


def _registry(by: _Builder) -> Link:
    results = [result for _, result in by.found.of(TestResult)]
    releases = [release for _, release in by.found.of(Release)]
    statuses = [f"{each.status} at {each.time}: {each.reason}" for _, each in by.found.of(Status)]
    return by.link(
        "registry",
        "Registry: tests, release",
        "release",
        [
            *(f"tests {one.result}: {len(one.passed_tests)} passed, {len(one.failed_tests)} failed" for one in results),
            *(f"{each.purl} is {by.found.packed.pack.digest}" for each in releases),
            *statuses,
        ],
        [*_signers(by.found, TestResult), *_signers(by.found, Release), *_signers(by.found, Status)],
        by.checks("tests -> procedures", "tests -> result", "release", "release -> name", "status",
                  "signature of release", "signature of test-result", "signature of status"),
        ["whether the index lists it: an importer's own client checks the index, which this page does not"],
    )  # fmt: skip


def _importers(by: _Builder) -> Link:
    summaries = [summary for _, summary in by.found.of(VerificationSummary)]
    return by.link(
        "importers",
        "Importers",
        "verification-summary",
        [f"{each.verification_result} by {each.policy.uri} at {each.time_verified}" for each in summaries],
        _signers(by.found, VerificationSummary),
        by.checks("importer -> statements", "importer -> result", "signature of verification-summary"),
        ["who else imported it: importers keep their signed summaries, and `seglam pack audit` shows them there"],
    )


@dataclass(frozen=True, slots=True)
class _Builder:
    found: Chain

    def checks(self, *names: str) -> list[Check]:
        """The checks of these names; a name of a signature's check ends with its digest."""
        return [
            check
            for check in self.found.checks
            if any(check.link == name or check.link.startswith(name + " sha256:") for name in names)
        ]

    def link(
        self,
        name: str,
        title: str,
        kind: str,
        said: Iterable[str],
        signers: Sequence[Signer],
        checks: Sequence[Check],
        unchecked: Sequence[str],
    ) -> Link:
        strangers = [each for each in self.found.statements if each.claimed == kind and _strange(each)]
        open_ = [f"a {kind} statement {each.digest[:19]}: {each.words}" for each in strangers]
        return Link(
            name,
            title,
            _state(signers, checks, strangers),
            tuple(each[:_WORDS] for each in said) if signers or name == "publisher" else (),
            tuple(signers),
            tuple(checks),
            (*open_, *unchecked),
        )


def _state(signers: Sequence[Signer], checks: Sequence[Check], strangers: Sequence[Examined]) -> State:
    if any(not check.passed for check in checks) and (signers or not strangers):
        return "broken" if signers or any(check.link.startswith("signature") for check in checks) else "nothing"
    if signers:
        return "holds"
    return "unchecked" if strangers else "nothing"


def _strange(each: Examined) -> bool:
    """Whether it may be honest and nobody here vouches for its signer."""
    return not each.passed and each.code not in FORGED


def _signers(found: Chain, kind: type) -> list[Signer]:
    return [_signer(each) for each, _ in found.of(kind)]


def _signer(each: Examined) -> Signer:
    signature = each.signature
    assert signature is not None  # of a statement that was verified
    time = f"{signature.time:%Y-%m-%dT%H:%M:%SZ}" if signature.time else None
    return Signer(
        each.digest, signature.mode, signature.subject, signature.issuer or None, time, signature.log_index, each.root
    )


def _listed(origins: Sequence[ProcedureOrigin], what: str) -> Iterator[str]:
    hashes = list(dict.fromkeys(digest for each in origins for digest in getattr(each, what)))
    if hashes:
        more = f" and {len(hashes) - SHOWN} more" if len(hashes) > SHOWN else ""
        yield f"{what}: {', '.join(each[:16] for each in hashes[:SHOWN])}{more}"


def _models(origins: Sequence[ProcedureOrigin]) -> Iterator[str]:
    for model in list(dict.fromkeys(each.model for each in origins if each.model))[:SHOWN]:
        count = sum(each.model == model for each in origins)
        yield f"{count} of {len(origins)} procedures were written by the model {model}"
    prompts = list(dict.fromkeys(f"{each.name} {each.digest.sha256[:16]}" for one in origins for each in one.prompts))
    if prompts:
        more = f" and {len(prompts) - SHOWN} more" if len(prompts) > SHOWN else ""
        yield f"prompts: {', '.join(prompts[:SHOWN])}{more}"
    if written := sum(each.origin == "written" for each in origins):
        yield f"{written} of {len(origins)} procedures were written by people"


def _people(words: str, names: Iterable[str]) -> list[str]:
    known = sorted(set(names))
    more = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
    return [f"{words} {', '.join(known[:SHOWN])}{more}"] if known else []


def _because(reason: str | None) -> str:
    return f": {reason}" if reason else ""
