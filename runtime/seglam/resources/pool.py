"""RunnerPool: the sandboxed pods that run a tenant's procedures."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from seglam.procedures.document import Model
from seglam.resources.base import Count, Name, Resource, Status

MAX_REPLICAS = 1000


class RunnerPoolSpec(Model):
    """How many runners there are, and what they may use."""

    isolation: Literal["pooled", "dedicated"] = Field(
        default="pooled",
        description="pooled runners hold any revision of the tenant, dedicated ones a single procedure.",
    )
    replicas: Annotated[int, Field(ge=0, le=MAX_REPLICAS, json_schema_extra={"format": "int32"})] = Field(
        default=1, description="Number of runner pods; an autoscaler may set it through the scale subresource."
    )
    image: Annotated[str, StringConstraints(min_length=1, max_length=512)] | None = Field(
        default=None, description="Image of the runner; the operator's own choice if absent."
    )
    runtime_class_name: Name | None = Field(
        default=None, description="RuntimeClass of the pods, such as gvisor; the cluster's default if absent."
    )
    memory_mib: Annotated[int, Field(ge=64, le=1_048_576)] | None = Field(
        default=None, alias="memoryMiB", description="Memory limit of a pod, in MiB."
    )
    cpu_millis: Annotated[int, Field(ge=10, le=1_000_000)] | None = Field(
        default=None, description="CPU limit of a pod, in thousandths of a core."
    )


class RunnerPoolStatus(Status):
    """What became of the pool."""

    namespace: Name | None = Field(default=None, description="Namespace in which the pods are.")
    replicas: Count | None = Field(default=None, description="Pods that exist.")
    ready_replicas: Count | None = Field(default=None, description="Pods that are ready to run procedures.")
    selector: Annotated[str, StringConstraints(max_length=512)] | None = Field(
        default=None, description="Label selector of the pods, for autoscalers."
    )


class RunnerPool(Resource):
    """A set of sandboxed pods without network, tokens or volumes, in a namespace that the operator owns."""

    kind: Literal["RunnerPool"] = "RunnerPool"
    spec: RunnerPoolSpec = Field(
        default_factory=RunnerPoolSpec,
        description="How many runners there are, and what they may use.",
        json_schema_extra={"default": {}},
    )
    status: RunnerPoolStatus = Field(default_factory=RunnerPoolStatus, description="What became of the pool.")
