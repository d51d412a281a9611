"""CustomResourceDefinitions of all kinds, made from their models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seglam.resources.base import Resource
from seglam.resources.compilation import ProcedureCompilation
from seglam.resources.counterexample import ProcedureCounterexample
from seglam.resources.imports import PackImport
from seglam.resources.names import (
    CATEGORY,
    KINDS,
    PACK_IMPORT,
    PROCEDURE_COMPILATION,
    PROCEDURE_COUNTEREXAMPLE,
    PROCEDURE_REVIEW,
    PROCEDURE_REVISION,
    REASONING_PROCEDURE,
    RUNNER_POOL,
    TRUST_POLICY,
    TRUST_ROOT,
    Kind,
)
from seglam.resources.pool import RunnerPool
from seglam.resources.procedure import ReasoningProcedure
from seglam.resources.review import ProcedureReview
from seglam.resources.revision import ProcedureRevision
from seglam.resources.schema import structural
from seglam.resources.trust import TrustPolicy, TrustRoot

Document = dict[str, Any]

_NAME_RULE = (
    "self.metadata.name.size() <= 63 && !self.metadata.name.contains('.')",
    "the name is used in labels and names of other objects: at most 63 characters, no dot",
)
_POOL_RULE = ("!self.metadata.name.startsWith('rp-')", "names with rp- belong to runners of single procedures")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`; wide ones are shown by `-o wide` only."""

    name: str
    path: str
    description: str
    type: str = "string"
    wide: bool = False

    def document(self) -> Document:
        """The column as a CustomResourceDefinition states it."""
        shown = {"name": self.name, "type": self.type, "jsonPath": self.path, "description": self.description}
        return shown | ({"priority": 1} if self.wide else {})


@dataclass(frozen=True, slots=True)
class Definition:
    """A kind with its model, columns and checks of the whole object."""

    kind: Kind
    model: type[Resource]
    columns: tuple[Column, ...]
    checks: tuple[tuple[str, str], ...] = ()
    scaled: bool = False

    def document(self) -> Document:
        """The CustomResourceDefinition."""
        subresources: Document = {"status": {}}
        if self.scaled:
            subresources["scale"] = {
                "specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector",
            }
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": self.kind.crd},
            "spec": {
                "group": self.kind.group,
                "scope": "Namespaced" if self.kind.namespaced else "Cluster",
                "names": {
                    "kind": self.kind.kind,
                    "listKind": f"{self.kind.kind}List",
                    "plural": self.kind.plural,
                    "singular": self.kind.singular,
                    "shortNames": list(self.kind.short_names),
                    "categories": [CATEGORY],
                },
                "versions": [
                    {
                        "name": self.kind.version,
                        "served": True,
                        "storage": True,
                        "schema": {"openAPIV3Schema": self._schema()},
                        "subresources": subresources,
                        "additionalPrinterColumns": [column.document() for column in (*self.columns, _AGE)],
                    }
                ],
            },
        }

    def _schema(self) -> Document:
        spec, status = (structural(_part(self.model, name)) for name in ("spec", "status"))
        members = self.model.model_fields
        for name, part in (("spec", spec), ("status", status)):
            part["description"] = members[name].description
            extra = members[name].json_schema_extra
            part |= extra if isinstance(extra, dict) else {}
        schema: Document = {
            "description": " ".join((self.model.__doc__ or "").split()),
            "type": "object",
            "properties": {
                "apiVersion": {"description": f"Always {self.kind.api_version}.", "type": "string"},
                "kind": {"description": f"Always {self.kind.kind}.", "type": "string"},
                "metadata": {"type": "object"},
                "spec": spec,
                "status": status,
            },
        }
        if "default" not in spec:
            schema["required"] = ["spec"]
        if self.checks:
            schema["x-kubernetes-validations"] = [{"rule": rule, "message": text} for rule, text in self.checks]
        return schema


def _part(model: type[Resource], name: str) -> Any:
    """The model of an object's spec or status."""
    return model.model_fields[name].annotation


def _condition(type_: str, member: str) -> str:
    return f'.status.conditions[?(@.type=="{type_}")].{member}'


_AGE = Column("Age", ".metadata.creationTimestamp", "When the object was made.", "date")
_REASON = Column("Reason", _condition("Ready", "reason"), "Why it is ready or not.")

DEFINITIONS = (
    Definition(
        REASONING_PROCEDURE,
        ReasoningProcedure,
        (
            Column("Ready", _condition("Ready", "status"), "Whether the current text is served."),
            _REASON,
            Column("Active", ".status.active", "Digest of the revision that is served, shortened."),
            Column("Summary", ".spec.summary", "What the procedure answers.", wide=True),
        ),
        (_NAME_RULE,),
    ),
    Definition(
        PROCEDURE_REVISION,
        ProcedureRevision,
        (
            Column("Procedure", ".spec.procedure", "The procedure."),
            Column("Verified", _condition("Verified", "status"), "Whether it passed all gates."),
            Column("Active", _condition("Active", "status"), "Whether it is served."),
            Column("Authors", ".spec.authors", "Who wrote it.", wide=True),
            Column("Digest", ".spec.digest", "Digest of its content.", wide=True),
        ),
        (_NAME_RULE,),
    ),
    Definition(
        PROCEDURE_REVIEW,
        ProcedureReview,
        (
            Column("Procedure", ".spec.procedure", "The procedure."),
            Column("State", ".status.state", "What the decisions amount to."),
            Column("Gates", ".status.gates", "How many of the gates the revision passed."),
            Column("Authors", ".spec.authors", "Who wrote the revision."),
        ),
        (_NAME_RULE,),
    ),
    Definition(
        PROCEDURE_COMPILATION,
        ProcedureCompilation,
        (
            _REASON,
            Column("Outcome", ".status.outcome", "How the last attempt ended."),
            Column("Procedure", ".status.procedure", "What was proposed."),
            Column("Attempt", ".spec.attempt", "Number of the attempt.", "integer", wide=True),
            Column("Message", ".status.message", "How it ended, for people.", wide=True),
        ),
        (_NAME_RULE,),
    ),
    Definition(
        PROCEDURE_COUNTEREXAMPLE,
        ProcedureCounterexample,
        (
            Column("Procedure", ".spec.procedure", "The procedure."),
            Column("State", ".status.state", "What was found out."),
            Column("Expected", ".spec.expected", "The right answer; empty if there should be none."),
            Column("Given", ".status.given", "What the revision answers."),
            Column("Sender", ".spec.sender", "Who stated it.", wide=True),
        ),
        (_NAME_RULE,),
    ),
    Definition(
        RUNNER_POOL,
        RunnerPool,
        (
            Column("Isolation", ".spec.isolation", "Whether the pods are shared."),
            Column("Desired", ".spec.replicas", "Pods that are wanted.", "integer"),
            Column("Ready", ".status.readyReplicas", "Pods that are ready.", "integer"),
            Column("Reason", _condition("Ready", "reason"), "Why the pool is ready or not.", wide=True),
            Column("Namespace", ".status.namespace", "Where the pods are.", wide=True),
        ),
        (_NAME_RULE, _POOL_RULE),
        scaled=True,
    ),
    Definition(
        PACK_IMPORT,
        PackImport,
        (
            Column("Ready", _condition("Ready", "status"), "Whether all procedures of the pack are served."),
            _REASON,
            Column("Pack", ".spec.pack", "The pack."),
            Column("Version", ".status.version", "The version that was decided about last."),
            Column("Policy", ".status.policy", "The policy that decided.", wide=True),
            Column("Digest", ".status.digest", "Digest of the pack's manifest.", wide=True),
        ),
        (_NAME_RULE,),
    ),
    Definition(
        TRUST_POLICY,
        TrustPolicy,
        (
            Column("Ready", _condition("Ready", "status"), "Whether it can decide."),
            Column("Mode", ".spec.mode", "Whether signatures are by identity or by key."),
            Column("Root", ".spec.trustRoot", "Whose authorities or keys are believed."),
            Column("Approval", ".spec.approval", "What counts as approval."),
            Column("Packs", ".spec.packs", "Packs that it is for.", wide=True),
        ),
    ),
    Definition(
        TRUST_ROOT,
        TrustRoot,
        (
            Column("Ready", _condition("Ready", "status"), "Whether it can be used."),
            _REASON,
            Column("Index", ".status.indexVersion", "The highest version of the index that was seen.", "integer"),
            Column("Expires", ".status.indexExpires", "Until when the index holds.", wide=True),
        ),
    ),
)

assert tuple(definition.kind for definition in DEFINITIONS) == KINDS
