"""Which models the environment names."""

from __future__ import annotations

from pathlib import Path

import pytest

from seglam.compiler import Endpoint, OpenAIModel, RecordedModel, Recorder, SettingsError, endpoint_of, models_of

BASE = {"SEGLAM_MODEL": "big", "OPENAI_BASE_URL": "http://one/v1", "OPENAI_API_KEY": "author-key"}


def test_without_a_model_there_is_none() -> None:
    assert endpoint_of("author", {"OPENAI_API_KEY": "k"}) is None
    assert endpoint_of("author", {"SEGLAM_MODEL": "  "}) is None


def test_the_verifier_is_the_author_by_default() -> None:
    assert (
        endpoint_of("author", BASE) == endpoint_of("verifier", BASE) == Endpoint("big", "http://one/v1", "author-key")
    )


def test_the_verifier_may_be_another_model_of_another_vendor() -> None:
    given = {
        **BASE,
        "SEGLAM_VERIFIER_MODEL": "small",
        "SEGLAM_VERIFIER_BASE_URL": "http://two/v1",
        "SEGLAM_VERIFIER_API_KEY": "other",
    }
    assert endpoint_of("verifier", given) == Endpoint("small", "http://two/v1", "other")
    assert endpoint_of("author", given) == Endpoint("big", "http://one/v1", "author-key")


def test_the_authors_key_goes_to_no_other_address() -> None:
    found = endpoint_of("verifier", {**BASE, "SEGLAM_VERIFIER_BASE_URL": "http://two/v1"})
    assert found is not None and found.api_key != "author-key"


def test_a_model_without_key_and_address_is_an_error_that_says_what_to_set() -> None:
    with pytest.raises(SettingsError, match="OPENAI_API_KEY"):
        endpoint_of("author", {"SEGLAM_MODEL": "big"})


@pytest.mark.parametrize("text", ["soon", "0", "-1", "inf", "nan"])
def test_a_bad_timeout_is_an_error(text: str) -> None:
    with pytest.raises(SettingsError, match="SEGLAM_MODEL_TIMEOUT"):
        endpoint_of("author", {**BASE, "SEGLAM_MODEL_TIMEOUT": text})


def test_a_timeout_is_in_seconds() -> None:
    found = endpoint_of("author", {**BASE, "SEGLAM_MODEL_TIMEOUT": "2.5"})
    assert found is not None and found.timeout == 2.5


def test_live_models_are_used_where_they_are_set(tmp_path: Path) -> None:
    models = models_of(tmp_path, BASE)
    assert models.live and isinstance(models.author, OpenAIModel) and models.author.role == "author"
    assert isinstance(models.verifier, OpenAIModel) and models.verifier.role == "verifier"
    assert "author-key" not in models.described


def test_without_one_recordings_are_used(tmp_path: Path) -> None:
    models = models_of(tmp_path, {})
    assert not models.live and isinstance(models.author, RecordedModel)
    assert models.described == "no model and no recordings"


def test_recording_needs_an_origin(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="SEGLAM_RECORD_ORIGIN"):
        models_of(None, {**BASE, "SEGLAM_RECORD_DIR": str(tmp_path)})
    models = models_of(None, {**BASE, "SEGLAM_RECORD_DIR": str(tmp_path), "SEGLAM_RECORD_ORIGIN": "by hand"})
    assert isinstance(models.author, Recorder) and models.author.origin == "by hand"
    assert isinstance(models.verifier, Recorder) and models.verifier.role == "verifier"
