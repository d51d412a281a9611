"""What must hold of an answer before anybody sees it."""

from __future__ import annotations

from seglam.procedures.revision import Revision
from seglam.procedures.values.base import ValueProblem


class PostConditionFailed(ValueError):
    """An answer that `returns` does not allow; the message says what failed."""


def canonical_answer(revision: Revision, tagged: object) -> str:
    """The canonical text of an answer that left the sandbox as tagged JSON, checked against `returns`.

    Raises:
        PostConditionFailed: the answer is of another type, out of bounds, not one of those allowed, or too long.
    """
    kind, returns = revision.returns, revision.spec.returns
    try:
        answer = kind.from_tagged(tagged)
        inside = kind.within(answer, returns.minimum, returns.maximum)
    except ValueProblem as problem:
        raise PostConditionFailed(f"the answer is no {returns.type}: {problem}") from problem
    if not inside:
        bounds = [f"at least {returns.minimum}"] if returns.minimum is not None else []
        bounds += [f"at most {returns.maximum}"] if returns.maximum is not None else []
        raise PostConditionFailed(f"the answer {_shown(answer)} must be {' and '.join(bounds)}")
    if returns.one_of and not any(kind.equal(answer, allowed) for allowed in returns.one_of):
        raise PostConditionFailed(f"the answer {_shown(answer)} is none of {', '.join(map(repr, returns.one_of[:8]))}")
    if returns.max_length is not None and len(answer) > returns.max_length:
        raise PostConditionFailed(f"the answer has {len(answer)} characters, more than {returns.max_length}")
    return answer


def _shown(answer: str) -> str:
    return repr(answer if len(answer) <= 80 else answer[:77] + "...")
