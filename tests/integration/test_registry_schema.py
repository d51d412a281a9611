"""The OpenAPI document and the registry agree: schemathesis asks every operation, with what fits and what does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from seglam.packs.trust.signing.key import KeySigner
from tests import packs
from tests.postgres import Postgres
from tests.registries import ORIGIN, doubling
from tests.registry_http import ADMIN, Site, serving, signed

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]
THOROUGH = settings.get_current_profile_name() == "thorough"
EXAMPLES = {GenerationMode.POSITIVE: 40 if THOROUGH else 3, GenerationMode.NEGATIVE: 30 if THOROUGH else 2}
"""Cases of an operation, always the same ones; a thorough run asks each also without a token."""
PACK = packs.pack(f"{ORIGIN}/acme/basics", documents=[doubling("basics")])
KNOWN = {
    "namespace": "acme",
    "pack": "basics",
    "version": "1.0.0",
    "origin": ORIGIN,
    "reference": "1.0.0",
    "digest": PACK.digest,
}
"""Half of the cases name what is there, else nearly all would end at a 404."""


@schemathesis.serializer("application/x-tar")
def tar(_: Any, value: Any) -> bytes:
    """Bytes of an archive, such as they are."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


@pytest.fixture(scope="module")
def site(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """On PostgreSQL, which refuses more texts and numbers than SQLite does."""
    with serving(postgres.create(), tmp_path_factory.mktemp("site")) as made:
        signer = KeySigner.generate()
        made.claim("alice", "acme", keys=[signer.public.pem])
        made.put(PACK, "alice", signed(PACK, signer))
        yield made


@pytest.mark.parametrize("mode", list(EXAMPLES), ids=lambda mode: mode.value)
def test_every_operation_answers_as_its_document_says(site: Site, mode: GenerationMode) -> None:
    document = site.client.get("/openapi.json").json()
    token = site.token(ADMIN, "acme")
    asked: Counter[str] = Counter()
    wrong: dict[str, str] = {}
    ways = (True, False) if THOROUGH else (True,)
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]
        known = {name: value for name, value in KNOWN.items() if f"{{{name}}}" in operation.path}
        for place, headers in [(known, token) if way else ({}, {}) for way in ways]:
            try:
                explore(site, operation, mode, place, headers, asked)
            except Unsatisfiable:
                assert mode is GenerationMode.NEGATIVE, "of some operations nothing can be wrong"
            except (FailureGroup, Failure, AssertionError) as error:
                wrong[operation.label] = str(error)
    print(f"{sum(asked.values())} {mode.value} cases of {len(asked)} operations")
    assert wrong == {}
    assert mode is GenerationMode.NEGATIVE or len(asked) == sum(len(item) for item in document["paths"].values()), (
        "every one was asked"
    )


def explore(
    site: Site,
    operation: Any,
    mode: GenerationMode,
    place: dict[str, str],
    headers: dict[str, str],
    asked: Counter[str],
) -> None:
    """Ask an operation some cases, and check each answer."""

    @settings(
        max_examples=EXAMPLES[mode],
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        if mode is GenerationMode.POSITIVE:
            case.path_parameters = {**case.path_parameters, **place}
        asked[operation.label] += 1
        response = case.call(base_url=str(site.client.base_url).rstrip("/"), headers=headers, timeout=60)
        case.validate_response(response, checks=CHECKS)

    ask()
