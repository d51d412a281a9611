"""Which known procedures a miss may be another wording of: those that it is worth to ask the smallest question about.

Nothing here decides a hit. The model says whether a procedure computes what was asked and writes the patterns, and
these go through the gates like any extension.
"""

from __future__ import annotations

from seglam.compiler.results import Missed
from seglam.lookup import MissReason, Near
from seglam.lookup.trie import readings_at
from seglam.procedures.revision import Revision
from seglam.procedures.text import Text

ASKED_ABOUT = 3
"""Procedures in one question; the nearest come first."""


def candidates(missed: Missed) -> tuple[Near, ...]:
    """Procedures near a request all of whose values can be read somewhere in its text, and that take what came with it.

    A request that misses for a value, an ambiguity or a guard lacks no wording, and one in a context that binds is
    of another type.
    """
    request = missed.request
    if request.text is None or request.bound or missed.miss.reason is not MissReason.UNKNOWN:
        return ()
    text = Text(request.text, request.region)
    found = (near for near in missed.miss.near if _could_be(near.revision, text, bool(request.inputs)))
    return tuple(found)[:ASKED_ABOUT]


def _could_be(revision: Revision, text: Text, with_inputs: bool) -> bool:
    parameters = revision.spec.parameters or ()
    if with_inputs != any(parameter.origin == "input" for parameter in parameters):
        return False
    wanted = [revision.types[parameter.name] for parameter in parameters if parameter.in_patterns]
    return all(any(readings_at(text, kind, at) for at in range(len(text))) for kind in wanted)
