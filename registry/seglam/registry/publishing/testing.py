"""The gates of a compilation on every procedure of a pack, here, in our own sandbox: nobody's word is taken for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from seglam.compiler import Bench
from seglam.compiler.verification import Verified, verify
from seglam.packs.pack import Pack
from seglam.packs.trust.predicates import NamedDigest, Sha256, TestResult
from seglam.packs.trust.statements import Statement
from seglam.procedures.revision import Revision
from seglam.registry.publishing.publication import PublishProblem
from seglam.sandbox import EngineError

TESTING_S = 900.0
"""Seconds after which no further procedure of a pack is begun with."""
SHOWN = 20
"""Faults of one gate that the evidence holds."""


@dataclass(frozen=True, slots=True)
class Tested:
    """What the gates found in a pack that passed.

    Attributes:
        statement: the test result, ready to be signed.
        engines: digests of the engines.
        evidence: by procedure and gate; JSON.
    """

    statement: bytes
    engines: tuple[str, ...]
    evidence: dict[str, Any]


def test(pack: Pack, bench: Callable[[], Bench]) -> Tested:
    """Verify every procedure of a pack, and that no two of them may match one request. Blocks for seconds.

    Raises:
        PublishProblem: `tests-failed` with the gates' evidence; `tests-too-long`; `sandbox-unavailable`, which may
            pass.
    """
    try:
        running = bench()
    except (EngineError, OSError) as error:
        words = f"the sandbox cannot be used ({error}); the registry tries again"
        raise PublishProblem("sandbox-unavailable", words, status=503, retriable=True) from error
    elders: list[Revision] = []
    found: list[Verified] = []
    end = time.monotonic() + TESTING_S
    for document in pack.procedures():
        if time.monotonic() > end:
            words = (
                f"the gates took more than {TESTING_S:.0f} seconds for {len(found)} procedures; publish smaller packs"
            )
            raise PublishProblem("tests-too-long", words)
        found.append(verify(document, elders, running))
        elders.append(Revision.of(document))
    evidence = {each.document.metadata.name: _shown(each) for each in found}
    if failed := [each for each in found if not each.passed]:
        first = next(gate for gate in failed[0].evidence if not gate.passed)
        words = f"{failed[0].document.metadata.name} does not pass the gate {first.gate}: {first.summary}"
        more = f" ({len(failed)} of {len(found)} procedures fail)" if len(found) > 1 else ""
        raise PublishProblem("tests-failed", words + more, detail={"procedures": evidence})
    return Tested(_statement(pack, found, running.engines), running.engines, evidence)


test.__test__ = False  # type: ignore[attr-defined]  # not a test of pytest's


def _shown(verified: Verified) -> dict[str, Any]:
    return {
        "digest": verified.digest,
        "passed": verified.passed,
        "gates": [
            {
                "gate": str(evidence.gate),
                "passed": evidence.passed,
                "summary": evidence.summary[:2_000],
                "unchecked": list(evidence.detail.get("unchecked", ())),
                "faults": [fault[:500] for fault in list(evidence.detail.get("faults", ()))[:SHOWN]],
            }
            for evidence in verified.evidence
        ],
    }


def _statement(pack: Pack, found: list[Verified], engines: tuple[str, ...]) -> bytes:
    tested = [(f"procedure:{each.document.metadata.name}", each.digest) for each in found]
    tested += [(f"engine:{number}", digest) for number, digest in enumerate(engines, 1)]
    result = TestResult(
        result="PASSED",
        configuration=[
            NamedDigest(name=name, digest=Sha256(sha256=digest.removeprefix("sha256:"))) for name, digest in tested
        ],
        passed_tests=[f"{each.document.metadata.name}: {gate.gate}" for each in found for gate in each.evidence],
    )
    return Statement(pack.release.purl, pack.digest, result).to_bytes()
