"""Gate 5: where the model also answered the request directly, the reviewer sees whether the code agrees.

A model's own computation is no oracle, so a difference is shown, not judged.
"""

from __future__ import annotations

from seglam.compiler.assemble import as_canonical
from seglam.compiler.results import Evidence, Gate
from seglam.procedures.revision import Revision
from seglam.procedures.values import ValueProblem


def agreement(revision: Revision, answer: str, direct: str | None) -> Evidence:
    """Compare the verified code's answer to the request with the model's direct one, if there is one."""
    if direct is None:
        return Evidence(Gate.AGREEMENT, True, "the model gave no direct answer", {"compared": False})
    try:
        stated = as_canonical(revision.returns, direct)
        revision.returns.check(stated)
        agrees = revision.returns.equal(answer, stated)
    except ValueProblem:
        agrees = answer == direct
    detail = {"compared": True, "agrees": agrees, "code": answer, "direct": direct}
    if agrees:
        return Evidence(Gate.AGREEMENT, True, "the model's direct answer is the same", detail)
    return Evidence(Gate.AGREEMENT, True, f"review: the code answers {answer!r}, the model said {direct!r}", detail)
