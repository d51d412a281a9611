"""Names that all parts share: the API group, kinds, labels, annotations, and the names of objects that are made.

Every name here is computed from what it stands for, so that a second attempt finds what the first one made.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

GROUP = "seglam.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
CATEGORY = "seglam"
MAX_NAME = 63
"""Length of a DNS label, which names of Services, labels' values and namespaces may have."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of the group, as the API server addresses it."""

    kind: str
    plural: str
    short_names: tuple[str, ...]
    group: str = GROUP
    version: str = VERSION
    namespaced: bool = True

    @property
    def singular(self) -> str:
        """The name of one object, as kubectl accepts it."""
        return self.kind.lower()

    @property
    def api_version(self) -> str:
        """`apiVersion` of the kind's objects."""
        return f"{self.group}/{self.version}"

    @property
    def crd(self) -> str:
        """Name of the kind's CustomResourceDefinition."""
        return f"{self.plural}.{self.group}"


REASONING_PROCEDURE = Kind("ReasoningProcedure", "reasoningprocedures", ("rp",))
PROCEDURE_REVISION = Kind("ProcedureRevision", "procedurerevisions", ("rprev",))
PROCEDURE_REVIEW = Kind("ProcedureReview", "procedurereviews", ("rpr",))
PROCEDURE_COMPILATION = Kind("ProcedureCompilation", "procedurecompilations", ("rpc",))
PROCEDURE_COUNTEREXAMPLE = Kind("ProcedureCounterexample", "procedurecounterexamples", ("rpx",))
RUNNER_POOL = Kind("RunnerPool", "runnerpools", ("rpool",))
PACK_IMPORT = Kind("PackImport", "packimports", ("pki",))
TRUST_POLICY = Kind("TrustPolicy", "trustpolicies", ("tp",), namespaced=False)
TRUST_ROOT = Kind("TrustRoot", "trustroots", ("troot",), namespaced=False)
KINDS = (
    REASONING_PROCEDURE,
    PROCEDURE_REVISION,
    PROCEDURE_REVIEW,
    PROCEDURE_COMPILATION,
    PROCEDURE_COUNTEREXAMPLE,
    RUNNER_POOL,
    PACK_IMPORT,
    TRUST_POLICY,
    TRUST_ROOT,
)

OPERATOR = "seglam-operator"
"""The operator's service account, field manager, Lease and value of `LABEL_MANAGED_BY`."""
GATEWAY = "seglam-gateway"
"""The gateway's service account, field manager, Deployment and Service."""
SYSTEM_NAMESPACE = "seglam-system"
"""Where the chart installs by default; the actual one is the release's."""
COMPILE = "seglam-compile"
"""Namespace and service account of compile Jobs."""
VERIFICATION_NAMESPACE = "seglam-verification"
"""Namespace of the runners that run code which nobody has approved."""
VERIFICATION = "verification"
"""Deployment and pool of those runners."""
DEFAULT_POOL = "default"
DEDICATED_PREFIX = "rp-"
RUNNER_NAMESPACE_PREFIX = "seglam-run-"
CA = "seglam-ca"
GATEWAY_TLS = "seglam-gateway-tls"
RUNNER_TLS = "seglam-runner-tls"
IMPORT_KEY = "seglam-import-key"
"""Secret with the key by which the operator signs what it decided about imports."""
REGISTRY = "seglam-registry"
"""The registry's service account, Deployment and Service."""
RESULT_KEY = "result.json"
"""Key of a compile Job's ConfigMap."""

LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
LABEL_COMPONENT = "seglam.dev/component"
LABEL_PROCEDURE = "seglam.dev/procedure"
LABEL_POOL = "seglam.dev/pool"
LABEL_ACTIVE = "seglam.dev/active"
LABEL_TENANT = "seglam.dev/tenant"
LABEL_RUNNER = "seglam.dev/runner"
LABEL_COMPILATION = "seglam.dev/compilation"
LABEL_PROPOSED_BY = "seglam.dev/proposed-by"
LABEL_PACK_IMPORT = "seglam.dev/pack-import"
"""On a ReasoningProcedure: the PackImport that it belongs to; only the operator sets it."""
ANNOTATION_PACK_RELEASE = "seglam.dev/pack-release"
"""On such a procedure: the release that its text is from, `origin/namespace/pack@version`."""
COMPONENT_RUNNER = "runner"
PROPOSED_BY_COMPILATION = "compilation"
ACTIVE_SELECTOR = f"{LABEL_ACTIVE}=true"
RUNNER_SELECTOR = f"{LABEL_RUNNER}=true"
MANAGED_LABELS = {LABEL_MANAGED_BY: OPERATOR}
ANNOTATION_AUTHORS = "seglam.dev/authors"
ANNOTATION_TRACEPARENT = "tracing.k8s.io/traceparent"
"""The span in which an object came to be, as KEP-5915 names it; written once, when the object is made."""
ANNOTATION_ACTIVATION = "seglam.dev/activation-traceparent"
"""The span in which a revision was last activated; written in the request that activates it."""
"""Authors of a ReasoningProcedure, one a line; stamped by an admission policy."""


def shortened(name: str, limit: int = MAX_NAME) -> str:
    """`name`, or where it is longer than `limit` its beginning and 8 hexadecimal digits of its SHA-256."""
    if len(name) <= limit:
        return name
    return name[: limit - 9].rstrip("-.") + "-" + hashlib.sha256(name.encode()).hexdigest()[:8]


def hexadecimal(digest: str, digits: int = 12) -> str:
    """The first digits of a `sha256:...` digest, as names and columns show it."""
    return digest.removeprefix("sha256:")[:digits]


def revision_name(procedure: str, digest: str) -> str:
    """Name of a ProcedureRevision and of its ProcedureReview.

    12 digits are 48 bits, which can be forged on purpose: whoever finds an object of this name compares `spec.digest`
    and `spec.procedure` before trusting it.
    """
    return f"{shortened(procedure, 40)}-{hexadecimal(digest)}"


def counterexample_name(procedure: str, digest: str, stated: str) -> str:
    """Name of a ProcedureCounterexample that is made for somebody: stated twice, it is one.

    Args:
        stated: the request with the right answer, as JSON text.
    """
    return f"{shortened(procedure, 40)}-{hashlib.sha256(f'{digest}/{stated}'.encode()).hexdigest()[:12]}"


def compilation_name(namespace: str, fingerprint: str) -> str:
    """Name of the ProcedureCompilation of a missed type, and of its Job and the Job's ConfigMap."""
    return "rpc-" + hashlib.sha256(f"{namespace}/{fingerprint}".encode()).hexdigest()[:20]


def runner_namespace(tenant: str) -> str:
    """The namespace in which a tenant's runners are."""
    return shortened(RUNNER_NAMESPACE_PREFIX + tenant)


def dedicated_pool(procedure: str) -> str:
    """Pool, Deployment and Service of a procedure with runners of its own. RunnerPools may not begin like this."""
    return shortened(DEDICATED_PREFIX + procedure)


def runner_server_name(tenant: str | None) -> str:
    """The name in the certificate of a tenant's runners, or of the verification runners (None).

    Clients dial addresses and check this name. No tenant has the name of the verification runners.
    """
    return "verification.seglam.internal" if tenant is None else f"{tenant}.runners.seglam.internal"


def authors_of(annotations: dict[str, str] | None) -> tuple[str, ...]:
    """Authors that a procedure's annotations state, in their order."""
    lines = (annotations or {}).get(ANNOTATION_AUTHORS, "").split("\n")
    return tuple(dict.fromkeys(line for line in lines if line.strip()))
