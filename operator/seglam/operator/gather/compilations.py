"""What a compile Job left behind about a revision: evidence to show, and what the differential gate needs again."""

from __future__ import annotations

import logging

from seglam.cluster import Client
from seglam.cluster.kinds import CONFIG_MAP
from seglam.compiler.jobresult import JobResult, ResultInvalid
from seglam.operator.seen import Revision
from seglam.resources.names import RESULT_KEY

log = logging.getLogger(__name__)


async def result_of(client: Client, namespace: str, revision: Revision) -> JobResult | None:
    """The result of the compilation that proposed a revision; None if there is none, or not about this digest.

    The label that leads to it stays on a procedure that people edit later; only the digest says what a result is about.
    """
    if revision.compilation is None:
        return None
    found = await client.find(CONFIG_MAP, revision.compilation, namespace)
    text = ((found or {}).get("data") or {}).get(RESULT_KEY)
    if not isinstance(text, str):
        return None
    try:
        result = JobResult.read(text, revision.compilation)
    except ResultInvalid as problem:
        log.warning("the result of %s cannot be read: %s", revision.compilation, problem)
        return None
    return result if result.digest == revision.digest else None
