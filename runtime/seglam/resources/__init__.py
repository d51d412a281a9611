"""The kinds of the seglam.dev group as data: models, names and conditions. Nothing here talks to a cluster."""

from seglam.resources.base import Condition, ObjectMeta, OwnerReference, Resource, Status
from seglam.resources.compilation import (
    Call,
    NegativeEntry,
    NegativeParameter,
    ProcedureCompilation,
    ProcedureCompilationSpec,
    ProcedureCompilationStatus,
    Reference,
)
from seglam.resources.conditions import ConditionType, Reason, timestamp, with_condition
from seglam.resources.counterexample import (
    Judgement,
    ProcedureCounterexample,
    ProcedureCounterexampleSpec,
    ProcedureCounterexampleStatus,
)
from seglam.resources.imports import (
    AcceptedRelease,
    DecisionStep,
    ImportedProcedure,
    ImportSummary,
    PackImport,
    PackImportSpec,
    PackImportStatus,
)
from seglam.resources.pool import RunnerPool, RunnerPoolSpec, RunnerPoolStatus
from seglam.resources.procedure import ReasoningProcedure, ReasoningProcedureStatus
from seglam.resources.review import Decision, ProcedureReview, ProcedureReviewSpec, ProcedureReviewStatus
from seglam.resources.revision import (
    Content,
    GateEvidence,
    ProcedureRevision,
    ProcedureRevisionSpec,
    ProcedureRevisionStatus,
)
from seglam.resources.trust import TrustPolicy, TrustPolicyStatus, TrustRoot, TrustRootStatus

__all__ = [
    "AcceptedRelease",
    "Call",
    "Condition",
    "ConditionType",
    "Content",
    "Decision",
    "DecisionStep",
    "GateEvidence",
    "ImportSummary",
    "ImportedProcedure",
    "Judgement",
    "NegativeEntry",
    "NegativeParameter",
    "ObjectMeta",
    "OwnerReference",
    "PackImport",
    "PackImportSpec",
    "PackImportStatus",
    "ProcedureCompilation",
    "ProcedureCompilationSpec",
    "ProcedureCompilationStatus",
    "ProcedureCounterexample",
    "ProcedureCounterexampleSpec",
    "ProcedureCounterexampleStatus",
    "ProcedureReview",
    "ProcedureReviewSpec",
    "ProcedureReviewStatus",
    "ProcedureRevision",
    "ProcedureRevisionSpec",
    "ProcedureRevisionStatus",
    "Reason",
    "ReasoningProcedure",
    "ReasoningProcedureStatus",
    "Reference",
    "Resource",
    "RunnerPool",
    "RunnerPoolSpec",
    "RunnerPoolStatus",
    "Status",
    "TrustPolicy",
    "TrustPolicyStatus",
    "TrustRoot",
    "TrustRootStatus",
    "timestamp",
    "with_condition",
]
