"""A pack's tests: the gates that need no model, on every procedure and on what they share with each other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seglam.cli.output import Output
from seglam.compiler.verification import verify
from seglam.procedures import Revision

if TYPE_CHECKING:
    from seglam.compiler import Bench
    from seglam.compiler.results import Evidence
    from seglam.packs.pack import Pack


@dataclass(frozen=True, slots=True)
class Tested:
    """What the gates found in a pack.

    Attributes:
        evidence: by the digest of the procedure.
        failed: a line for each fault.
        engines: digests of the engine builds.
    """

    evidence: dict[str, tuple[Evidence, ...]]
    failed: tuple[str, ...]
    engines: tuple[str, ...]


def tested(pack: Pack, running: Bench, out: Output, served: Iterable[Revision] = ()) -> Tested:
    """Run the gates on each procedure, against those before it and against what is served already."""
    elders = list(served)
    evidence: dict[str, tuple[Evidence, ...]] = {}
    failed = []
    documents = pack.procedures()
    with out.progress("testing", len(documents)) as step:
        for document in documents:
            name = document.metadata.name
            verified = verify(document, elders, running)
            evidence[verified.digest] = verified.evidence
            failed += [f"{name}: {flaw.line}" for flaw in verified.flaws]
            elders.append(Revision.of(document))
            step.advance(name)
    return Tested(evidence, tuple(failed), running.engines)
