"""Where a compiled procedure comes from, as its pack's provenance states it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from seglam.cli.packs.evidence import kept
from seglam.compiler import Compilation, Evidence, Gate, Missed, ModelCall, Outcome
from seglam.gateway.store import Decision, Store
from seglam.lookup import Miss, MissReason
from seglam.packs.chain import exemplars
from seglam.procedures import Request, Revision
from tests.documents import document

SECRET = "what is the salary of Erika Mustermann"
TRACE = "0af7651916cd43dd8448eb211c80319c"
PROMPT = "sha256:" + "ab" * 32


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "seglam.sqlite3")
    yield opened
    opened.close()


def compiled(store: Store, identity: str, text: str, *, replaces: str | None = None, patterns: str) -> str:
    """A revision that a compilation proposed and somebody approved; its digest."""
    missed = Missed(Request(text=text), Miss(MissReason.UNKNOWN, "no pattern fits"))
    example = {"request": "double 4", "arguments": [{"name": "n", "value": "4"}], "answer": "8"}
    made = document(
        "double", patterns=("double {n}", patterns), returns="integer", code="def solve(n):\n    return 2 * n\n",
        examples=[example],
    )  # fmt: skip
    digest = Revision.of(made).digest
    store.open_compilation(identity, "fingerprint", missed, "erika")
    store.close_compilation(
        Compilation(
            identity,
            Outcome.PROPOSED,
            "proposed",
            "fingerprint",
            evidence=(Evidence(Gate.STATIC, True, "6 lines"), Evidence(Gate.MATCH, False, f"{SECRET} binds")),
            calls=(
                ModelCall("author", "author", "model-1", PROMPT, 10, 5, 1.0),
                ModelCall("author", "author", "model-1", PROMPT, 10, 5, 1.0),
                ModelCall("verifier", "implementation", "model-2", PROMPT, 10, 5, 1.0),
            ),
            document=made,
            digest=digest,
            replaces=replaces,
            trace_id=TRACE,
            span_id="b7ad6b7169203331",
        ),
        ["erika", "model:model-1", "file:/home/erika/secret-project/double.yaml"],
    )
    store.decide(digest, "carol", Decision.APPROVE, "read")
    return digest


def test_a_compilation_is_stated_without_what_users_sent(store: Store) -> None:
    first = compiled(store, "c1", SECRET, patterns="twice {n}")
    second = compiled(store, "c2", "two times 4", replaces=first, patterns="two times {n}")
    row = store.revision(second)
    assert row is not None
    origin = kept(store, row)
    assert (origin.origin, origin.model, origin.trace) == ("compiled", "model-1", TRACE)
    assert origin.authors == ["erika", "file:double.yaml", "model:model-1"] and origin.reviewers == ["carol"]
    assert [prompt.name for prompt in origin.prompts] == ["author/author", "verifier/implementation"]
    assert origin.prompts[0].digest.sha256 == "ab" * 32
    asked = [json.dumps({"text": text}, separators=(",", ":")).encode() for text in ("two times 4", SECRET)]
    assert origin.misses == [hashlib.sha256(each).hexdigest() for each in asked], "its own miss, then its elder's"
    assert [(gate.name, gate.passed, gate.detail) for gate in origin.gates] == [
        ("static", True, "6 lines"), ("match", False, None)
    ]  # fmt: skip
    assert "Mustermann" not in json.dumps(origin.model_dump(mode="json"))
    assert "/home" not in json.dumps(origin.model_dump(mode="json"))


def test_an_exemplar_is_named_by_the_hash_of_its_canonical_form() -> None:
    example = {"request": "double 4", "arguments": [{"name": "n", "value": "4"}], "answer": "8"}
    made = document("double", patterns=("double {n}",), examples=[example])
    canonical = b'{"answer":"8","arguments":[{"name":"n","value":"4"}],"request":"double 4"}'
    assert exemplars(made) == [hashlib.sha256(canonical).hexdigest()]
