"""A tenant's confirmed counterexamples, as new revisions must keep them."""

from __future__ import annotations

import logging

from pydantic import ValidationError

from seglam.cluster import Client
from seglam.compiler import Case
from seglam.compiler.lessons import correction
from seglam.operator.gather.known import Known
from seglam.operator.policies.counterexample import State, state_of
from seglam.procedures.request import request_of
from seglam.resources import ProcedureCounterexample
from seglam.resources.names import PROCEDURE_COUNTEREXAMPLE

log = logging.getLogger(__name__)


async def corrections(client: Client, known: Known, namespace: str) -> dict[str, Case]:
    """What no revision of a tenant may contradict, by the counterexample's name. One that cannot be read is left out,
    and the log says so."""
    found: dict[str, Case] = {}
    for each in known.all_counterexamples(namespace):
        if state_of(each) is not State.CONFIRMED:
            continue
        stated = await client.find(PROCEDURE_COUNTEREXAMPLE, each.meta.name, namespace)
        if stated is None:
            continue
        try:
            read = ProcedureCounterexample.model_validate(stated)
            request = request_of(read.spec.asked)
        except (ValidationError, ValueError) as problem:
            log.warning("the counterexample %s/%s cannot be read: %s", namespace, each.meta.name, problem)
            continue
        found[each.meta.name] = correction(request, read.spec.expected, read.status.given, own=False)
    return found
