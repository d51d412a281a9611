"""The kinds as models: what they keep of a document, and what they read."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from seglam.procedures import Loaded, digest, load_documents
from seglam.resources import Content, ProcedureReview, ReasoningProcedure

PROCEDURES = Path(__file__).resolve().parents[3] / "examples" / "procedures"
LOADED, _ = load_documents(PROCEDURES)


@pytest.mark.parametrize("loaded", LOADED, ids=lambda each: each.document.metadata.name)
def test_content_has_the_digest_of_its_spec(loaded: Loaded) -> None:
    spec = loaded.document.spec.model_copy(update={"review_policy": "Manual"})
    content = Content.of(spec)
    written = content.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert "reviewPolicy" not in written
    assert digest(Content.model_validate(written)) == digest(loaded.document.spec)


def test_a_revision_may_not_say_where_it_runs() -> None:
    written = LOADED[0].document.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    with pytest.raises(ValidationError, match="reviewPolicy"):
        Content.model_validate(written | {"reviewPolicy": "Manual"})


def test_a_status_of_a_later_version_is_read_without_its_news() -> None:
    spec = LOADED[0].document.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    meta = {"name": "a", "namespace": "team", "uid": "u", "managedFields": []}
    status = {
        "novelty": 1,
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "Active",
                "message": "",
                "lastTransitionTime": "2026-11-21T12:00:00Z",
            }
        ],
    }
    read = ReasoningProcedure.model_validate({"metadata": meta, "spec": spec, "status": status})
    assert read.key == ("team", "a")
    assert read.status.holds("Ready")
    assert not read.status.holds("Serving")


def test_an_unknown_field_of_a_spec_is_refused() -> None:
    spec = {"procedure": "a", "digest": "sha256:" + "0" * 64, "authors": [], "approved": True}
    with pytest.raises(ValidationError, match="approved"):
        ProcedureReview.model_validate({"metadata": {"name": "a"}, "spec": spec})
