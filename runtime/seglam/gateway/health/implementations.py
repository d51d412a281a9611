"""The verifier's implementation of a revision, which its compilation left among the evidence."""

from __future__ import annotations

import json

from seglam.compiler import Gate
from seglam.compiler.assemble import core_digest
from seglam.gateway.store import Records, RevisionRow, document_of


def implementation_of(store: Records, row: RevisionRow) -> str | None:
    """The code that the verifier wrote; None if none is recorded.

    An extension that left code, parameters and answer as they were has that of the revision it was made from.
    """
    core, seen = core_digest(document_of(row).spec), set[str]()
    elder: RevisionRow | None = row
    while elder is not None and elder.digest not in seen and core_digest(document_of(elder).spec) == core:
        seen.add(elder.digest)
        found = _of_compilation(store, elder.compilation)
        if found is not None:
            return found
        elder = store.revision(elder.replaces) if elder.replaces else None
    return None


def _of_compilation(store: Records, compilation: str | None) -> str | None:
    """What the last differential gate that passed ran beside the procedure's code."""
    for evidence in reversed(store.evidence(compilation) if compilation else []):
        if evidence.gate == Gate.DIFFERENTIAL and evidence.passed:
            code = json.loads(evidence.detail).get("implementation")
            return code if isinstance(code, str) else None
    return None
