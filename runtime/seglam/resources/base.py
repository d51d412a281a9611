"""What all kinds share: metadata, conditions, and the rules that the API server checks itself."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints

from seglam.procedures.document import Digest, Model, ResourceName, Short

Text = Annotated[str, StringConstraints(max_length=1024)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=253)]
User = Annotated[str, StringConstraints(min_length=1, max_length=512)]
"""A user's name as the API server knows it."""
Time = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$", max_length=40)]
"""UTC in RFC 3339, such as 2026-11-21T12:00:00Z."""
Count = Annotated[int, Field(ge=0, le=2_147_483_647)]
Generation = Annotated[int, Field(ge=0, json_schema_extra={"format": "int64"})]

__all__ = ["Count", "Digest", "Generation", "Name", "ResourceName", "Short", "Text", "Time", "User"]


def rules(*checks: tuple[str, str], **more: Any) -> dict[str, Any]:
    """Schema members with CEL rules: pairs of an expression and what is said when it does not hold."""
    return {"x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in checks], **more}


ATOMIC: dict[str, Any] = {"x-kubernetes-map-type": "atomic"}
"""Marks an object that is replaced as a whole by server-side apply."""


DECISIONS_STAY = (
    "!has(oldSelf.decisions) || (has(self.decisions) && oldSelf.decisions.all(o, "
    "self.decisions.exists(n, n.reviewer == o.reviewer && n.decision == o.decision)))",
    "decisions are only added, never removed",
)
"""A check of a spec with `decisions`, a list by reviewer and decision."""


def list_map(*keys: str) -> dict[str, Any]:
    """Marks a list whose entries have their own owners, told apart by `keys`."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}


class Reported(Model):
    """Base of what controllers report: fields that this version does not know are not read."""

    model_config = ConfigDict(extra="ignore")


class Condition(Reported):
    """One aspect of an object's state, as in every Kubernetes kind."""

    type: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z]{0,62}$", max_length=63)] = Field(
        description="Name of the condition, such as Ready."
    )
    status: Literal["True", "False", "Unknown"] = Field(description="Whether the condition holds.")
    reason: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z]{0,62}$", max_length=63)] = Field(
        description="Why, in one word that programs may rely on."
    )
    message: Text = Field(description="Why, for people, and what to do about it.")
    last_transition_time: Time = Field(
        description="When the status last changed.", json_schema_extra={"format": "date-time"}
    )
    observed_generation: Generation | None = Field(
        default=None, description="Generation of the object that the condition was set for."
    )


class Status(Reported):
    """Base of all statuses."""

    observed_generation: Generation | None = Field(
        default=None, description="Generation of the spec that this status describes."
    )
    conditions: list[Condition] | None = Field(
        default=None,
        max_length=16,
        description="Conditions by type.",
        json_schema_extra=list_map("type"),
    )

    def condition(self, type_: str) -> Condition | None:
        """The condition of a type, if it was ever set."""
        return next((each for each in self.conditions or () if each.type == type_), None)

    def holds(self, type_: str) -> bool:
        """Whether the condition of a type is True."""
        found = self.condition(type_)
        return found is not None and found.status == "True"


class OwnerReference(Reported):
    """An object that this one is deleted with."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class ObjectMeta(Reported):
    """The members of an object's metadata that SEGLAM reads. Writers use dictionaries of the fields they own."""

    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    owner_references: list[OwnerReference] = Field(default_factory=list)


class Resource(Reported):
    """Base of the kinds, as they are read from the API server."""

    api_version: Literal["seglam.dev/v1alpha1"] = "seglam.dev/v1alpha1"
    metadata: ObjectMeta

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name."""
        return self.metadata.namespace, self.metadata.name
