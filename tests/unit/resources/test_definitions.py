"""The CustomResourceDefinitions: equal to the models, structural, bounded, described."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import Field

from seglam.procedures.document import DEPLOYMENT_FIELDS, Model, Spec
from seglam.resources import crds
from seglam.resources.definitions import DEFINITIONS
from seglam.resources.schema import SchemaError, structural

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = {definition.kind.kind: definition.document() for definition in DEFINITIONS}


def schema_of(kind: str) -> dict[str, Any]:
    """The schema of a kind's only version."""
    schema: dict[str, Any] = DOCUMENTS[kind]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def fields(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """All fields and list members below a schema."""
    for name, member in schema.get("properties", {}).items():
        yield f"{path}.{name}", member
        yield from fields(member, f"{path}.{name}")
    if "items" in schema:
        yield f"{path}[]", schema["items"]
        yield from fields(schema["items"], f"{path}[]")


def test_the_files_are_what_the_models_say() -> None:
    assert crds.outdated(ROOT / "crds", crds.files()) == [], "run `make crds`"


def test_the_files_hold_what_the_definitions_state() -> None:
    assert [yaml.safe_load(text) for text in crds.files().values()] == list(DOCUMENTS.values())


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_every_field_is_described_and_none_may_be_anything(kind: str) -> None:
    for path, member in fields(schema_of(kind)):
        assert member.get("type"), path
        assert not {"$ref", "anyOf", "oneOf", "additionalProperties", "nullable"} & set(member), path
        assert "x-kubernetes-preserve-unknown-fields" not in member, path
        if not path.endswith("[]") and path != ".metadata":
            assert member.get("description"), path


def test_nothing_that_the_digest_is_made_of_has_a_default() -> None:
    found = [path for path, member in fields(schema_of("ReasoningProcedure")) if "default" in member]
    assert found == []


def test_a_revision_holds_no_deployment_fields() -> None:
    document = schema_of("ProcedureRevision")["properties"]["spec"]["properties"]["document"]
    aliases = {Spec.model_fields[name].alias or name for name in DEPLOYMENT_FIELDS}
    whole = schema_of("ReasoningProcedure")["properties"]["spec"]["properties"]
    assert set(whole) - set(document["properties"]) == aliases
    assert {name: whole[name] for name in document["properties"]} == document["properties"]


def test_pools_scale_and_all_kinds_have_a_status() -> None:
    subresources = {kind: document["spec"]["versions"][0]["subresources"] for kind, document in DOCUMENTS.items()}
    assert all("status" in each for each in subresources.values())
    assert [kind for kind, each in subresources.items() if "scale" in each] == ["RunnerPool"]


class Plain(Model):
    """A model."""

    text: str = Field(description="A text without a bound.")


class Silent(Model):
    """A model."""

    number: int


class Torn(Model):
    """A model."""

    value: int | bool = Field(description="Either.")


class Mapped(Model):
    """A model."""

    value: dict[str, str] = Field(description="A map.")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Plain, "Plain.text is a text without max_length"),
        (Silent, "Silent.number has no description"),
        (Torn, "Torn.value may be of several types"),
        (Mapped, "Mapped.value is a map"),
    ],
)
def test_a_model_that_cannot_be_a_schema_is_an_error(model: type[Model], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        structural(model)


def test_the_command_writes_and_checks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target, other = tmp_path / "crds", tmp_path / "chart" / "crds"
    assert crds.main([str(target), str(other)]) == 0
    assert crds.main([str(target), str(other), "--check"]) == 0
    (target / "runnerpools.yaml").write_text("kind: Other\n", encoding="utf-8")
    (target / "procedurereviews.yaml").unlink()
    assert crds.main([str(target), "--check"]) == 1
    said = capsys.readouterr().err
    assert "procedurereviews.yaml is missing" in said
    assert "runnerpools.yaml is not what the models say" in said
