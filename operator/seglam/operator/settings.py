"""Everything that the operator can be told, from the environment."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self

from seglam.resources.names import COMPILE, SYSTEM_NAMESPACE, VERIFICATION_NAMESPACE, runner_namespace
from seglam.web.environment import Environment, SettingsInvalid

__all__ = [
    "CompileSettings",
    "ElectionSettings",
    "ImportSettings",
    "ReviewSettings",
    "RunnerSettings",
    "Settings",
    "SettingsInvalid",
]

RESYNC_S = 300.0


@dataclass(frozen=True, slots=True)
class ReviewSettings:
    """What an approval takes.

    Attributes:
        approvals: approvals by different people who are no authors. `SEGLAM_REQUIRED_APPROVALS`.
        gitops_authors: globs of user names under which other people's changes arrive, such as a GitOps controller's
            account; a revision with such an author needs two approvals. `SEGLAM_GITOPS_AUTHORS`, comma-separated.
        stated_authors: people write the annotation of the authors themselves, on clusters that cannot stamp it; then it
            is theirs, and not cleared at activation. `SEGLAM_STATED_AUTHORS=1`.
    """

    approvals: int = 1
    gitops_authors: tuple[str, ...] = ()
    stated_authors: bool = False


@dataclass(frozen=True, slots=True)
class ElectionSettings:
    """Times of the leader election, in seconds; the order duration > deadline > retry keeps two leaders apart.

    Attributes:
        duration: for which a replica that is not heard of still leads. `SEGLAM_LEASE_SECONDS`.
        deadline: after which a leader that cannot renew its lease ends.
        retry: from one attempt to renew or to take the lease to the next.
    """

    lease: str = "seglam-operator"
    duration: float = 15.0
    deadline: float = 10.0
    retry: float = 2.0

    @classmethod
    def lasting(cls, seconds: float) -> Self:
        """With the usual proportions."""
        return cls(duration=seconds, deadline=seconds * 2 / 3, retry=seconds * 2 / 15)


@dataclass(frozen=True, slots=True)
class RunnerSettings:
    """What the pods are like that run procedures.

    Attributes:
        image: of the runner, by digest. `SEGLAM_RUNNER_IMAGE`.
        pull_policy: `SEGLAM_RUNNER_IMAGE_PULL_POLICY`.
        pull_secrets: Secrets of the system namespace with credentials for the image's registry, of which each runner
            namespace gets a copy. `SEGLAM_RUNNER_PULL_SECRETS`, comma-separated.
        runtime_class: RuntimeClass where nobody states one; None for the cluster's. `SEGLAM_RUNNER_RUNTIME_CLASS`.
        replicas: of a pool that nobody made, and of a procedure with runners of its own. `SEGLAM_RUNNER_REPLICAS`.
        verification_replicas: of the runners for code that nobody has approved. `SEGLAM_VERIFICATION_REPLICAS`.
        memory_mib: memory of a pod in MiB. `SEGLAM_RUNNER_MEMORY_MIB`.
        cpu_millis: CPU limit of a pod in thousandths of a core. `SEGLAM_RUNNER_CPU_MILLIS`.
        cpu_request_millis: what a pod is sure to get, at most its limit. `SEGLAM_RUNNER_CPU_REQUEST_MILLIS`.
        idle_s: seconds for which a tenant that lost its last procedure keeps runners. `SEGLAM_RUNNER_IDLE_SECONDS`.
    """

    image: str = "localhost/seglam-runner"
    pull_policy: str = "IfNotPresent"
    pull_secrets: tuple[str, ...] = ()
    runtime_class: str | None = None
    replicas: int = 1
    verification_replicas: int = 1
    memory_mib: int = 512
    cpu_millis: int = 1000
    cpu_request_millis: int = 100
    idle_s: int = 300


@dataclass(frozen=True, slots=True)
class CompileSettings:
    """What the Jobs are like that compile missed types.

    Attributes:
        image: of the platform, by digest. `SEGLAM_PLATFORM_IMAGE`.
        pull_policy: `SEGLAM_PLATFORM_IMAGE_PULL_POLICY`.
        model, verifier_model: names at the gateway's upstream; empty where recordings stand in. `SEGLAM_MODEL`,
            `SEGLAM_VERIFIER_MODEL`.
        recordings: ConfigMaps of the compile namespace with recorded completions, a file a key.
            `SEGLAM_COMPILE_RECORDINGS`, comma-separated.
        choices: ConfigMap of the compile namespace whose key `choices.txt` states the choices of tenants.
            `SEGLAM_COMPILE_CHOICES`.
        jobs: Jobs at one time; further compilations wait. `SEGLAM_COMPILE_JOBS`.
        deadline_s: seconds that a Job may take. `SEGLAM_COMPILE_DEADLINE_SECONDS`.
        ttl_s: seconds for which an ended Job and its result are kept. `SEGLAM_COMPILE_TTL_SECONDS`.
        retry_s: seconds before a type whose Job failed may be tried again; doubled with each attempt, up to a day.
            `SEGLAM_COMPILE_RETRY_SECONDS`.
        keep_s: seconds for which a compilation that ended is kept; longer if it holds a negative entry or the time of a
            next attempt that lie ahead. One whose proposal waits is not collected. `SEGLAM_COMPILE_KEEP_SECONDS`.
        memory_mib, cpu_millis: what a Job may use. `SEGLAM_COMPILE_MEMORY_MIB`, `SEGLAM_COMPILE_CPU_MILLIS`.
    """

    image: str = "localhost/seglam-platform"
    pull_policy: str = "IfNotPresent"
    model: str = ""
    verifier_model: str = ""
    recordings: tuple[str, ...] = ()
    choices: str | None = None
    jobs: int = 4
    deadline_s: int = 900
    ttl_s: int = 21_600
    retry_s: int = 60
    keep_s: int = 604_800
    memory_mib: int = 768
    cpu_millis: int = 1000


@dataclass(frozen=True, slots=True)
class ImportSettings:
    """How packs are imported.

    Attributes:
        signing: `key`: by the key of a Secret that the operator makes; `keyless`: by its service account.
            `SEGLAM_IMPORT_SIGNING`.
        trust_file: sigstore client trust configuration (JSON), for keyless. `SEGLAM_IMPORT_TRUST_FILE`.
        token_file: identity token for keyless, read anew each time. `SEGLAM_IMPORT_TOKEN_FILE`.
        audience: of that token. `SEGLAM_IMPORT_AUDIENCE`.
        verifier: URI by which this cluster's decisions are known. `SEGLAM_IMPORT_VERIFIER`.
        directory: what was seen of indexes. `SEGLAM_IMPORT_DIRECTORY`.
        timeout_s: seconds for one step of a request to a registry. `SEGLAM_IMPORT_TIMEOUT_SECONDS`.
        retry_s: seconds until a registry that did not answer is asked again. `SEGLAM_IMPORT_RETRY_SECONDS`.
    """

    signing: Literal["key", "keyless"] = "key"
    trust_file: Path | None = None
    token_file: Path | None = None
    audience: str = "sigstore"
    verifier: str = "https://seglam.dev/operator"
    directory: Path = Path("/tmp/seglam-indexes")
    timeout_s: int = 15
    retry_s: int = 30


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the operator.

    Attributes:
        namespace: the system namespace, with the Lease and the secrets. `SEGLAM_NAMESPACE`.
        compile_namespace: where compile Jobs run. `SEGLAM_COMPILE_NAMESPACE`.
        verification_namespace: where code runs that nobody has approved. `SEGLAM_VERIFICATION_NAMESPACE`.
        watch_namespaces: tenants to look after; empty for all. `SEGLAM_WATCH_NAMESPACES`, comma-separated.
        identity: this replica in the election. `POD_NAME`, else the machine's name, and a random part.
        reviews: what an approval takes.
        history_limit: revisions that are kept beside those that are active, current or quarantined.
            `SEGLAM_REVISION_HISTORY_LIMIT`.
        workers: reconciles at one time. `SEGLAM_WORKERS`.
        verifications: verifications at one time. `SEGLAM_VERIFICATIONS`.
        resync_s: seconds from one look at everything to the next. `SEGLAM_RESYNC_SECONDS`.
        election: times of the election.
        health_host, health_port: where /healthz, /readyz and /metrics are. `SEGLAM_HEALTH_PORT`.
        log_format: `SEGLAM_LOG_FORMAT`; log_level: `SEGLAM_LOG_LEVEL`.
        runners: what runner pods are like.
        compiling: what compile Jobs are like.
        imports: how packs are imported.
        local_engines: directory of engines to verify with in this process instead of in runner pods, for development;
            the code of tenants then runs here. `--local-engines`.
        manage_runners: whether to make runners and certificates. `--without-runners`.
    """

    namespace: str = SYSTEM_NAMESPACE
    compile_namespace: str = COMPILE
    verification_namespace: str = VERIFICATION_NAMESPACE
    watch_namespaces: tuple[str, ...] = ()
    identity: str = field(default_factory=lambda: f"{socket.gethostname()}_{uuid.uuid4()}")
    reviews: ReviewSettings = ReviewSettings()
    history_limit: int = 10
    workers: int = 16
    verifications: int = 2
    resync_s: float = RESYNC_S
    election: ElectionSettings = ElectionSettings()
    health_host: str = "0.0.0.0"
    health_port: int = 8080
    log_format: Literal["json", "text"] = "json"
    log_level: str = "INFO"
    runners: RunnerSettings = RunnerSettings()
    compiling: CompileSettings = CompileSettings()
    imports: ImportSettings = ImportSettings()
    local_engines: Path | None = None
    manage_runners: bool = True

    @property
    def watched(self) -> tuple[str, ...]:
        """Namespaces to watch: the tenants, and where runners are; empty for all."""
        tenants = self.watch_namespaces
        return (*tenants, *map(runner_namespace, tenants), self.verification_namespace) if tenants else ()

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> Self:
        """The settings that the environment gives. `SettingsInvalid` names what cannot be used."""
        given = Environment.of(environ, "SEGLAM_")
        name = given.given.get("POD_NAME") or socket.gethostname()
        return cls(
            namespace=given.text("NAMESPACE") or SYSTEM_NAMESPACE,
            compile_namespace=given.text("COMPILE_NAMESPACE") or COMPILE,
            verification_namespace=given.text("VERIFICATION_NAMESPACE") or VERIFICATION_NAMESPACE,
            watch_namespaces=given.listed("WATCH_NAMESPACES"),
            identity=f"{name}_{uuid.uuid4()}",
            reviews=ReviewSettings(
                approvals=given.whole("REQUIRED_APPROVALS", 1, least=1),
                gitops_authors=given.listed("GITOPS_AUTHORS"),
                stated_authors=given.switch("STATED_AUTHORS"),
            ),
            history_limit=given.whole("REVISION_HISTORY_LIMIT", 10),
            workers=given.whole("WORKERS", 16, least=1),
            verifications=given.whole("VERIFICATIONS", 2, least=1),
            resync_s=float(given.whole("RESYNC_SECONDS", int(RESYNC_S), least=1)),
            election=ElectionSettings.lasting(given.whole("LEASE_SECONDS", 15, least=3)),
            health_port=given.whole("HEALTH_PORT", 8080),
            log_format="text" if given.one_of("LOG_FORMAT", ("json", "text")) == "text" else "json",
            log_level=given.one_of("LOG_LEVEL", ("INFO", "DEBUG", "WARNING", "ERROR")),
            runners=_runners(given),
            compiling=_compiling(given),
            imports=_imports(given),
        )


PULL_POLICIES = ("IfNotPresent", "Always", "Never")


def _runners(given: Environment) -> RunnerSettings:
    plain = RunnerSettings()
    cpu = given.whole("RUNNER_CPU_MILLIS", plain.cpu_millis, least=10)
    return RunnerSettings(
        image=given.text("RUNNER_IMAGE") or plain.image,
        pull_policy=given.one_of("RUNNER_IMAGE_PULL_POLICY", PULL_POLICIES),
        pull_secrets=given.listed("RUNNER_PULL_SECRETS"),
        runtime_class=given.text("RUNNER_RUNTIME_CLASS") or None,
        replicas=given.whole("RUNNER_REPLICAS", plain.replicas),
        verification_replicas=given.whole("VERIFICATION_REPLICAS", plain.verification_replicas),
        memory_mib=given.whole("RUNNER_MEMORY_MIB", plain.memory_mib, least=64),
        cpu_millis=cpu,
        cpu_request_millis=min(cpu, given.whole("RUNNER_CPU_REQUEST_MILLIS", plain.cpu_request_millis)),
        idle_s=given.whole("RUNNER_IDLE_SECONDS", plain.idle_s),
    )


def _compiling(given: Environment) -> CompileSettings:
    plain = CompileSettings()
    return CompileSettings(
        image=given.text("PLATFORM_IMAGE") or plain.image,
        pull_policy=given.one_of("PLATFORM_IMAGE_PULL_POLICY", PULL_POLICIES),
        model=given.text("MODEL"),
        verifier_model=given.text("VERIFIER_MODEL"),
        recordings=given.listed("COMPILE_RECORDINGS"),
        choices=given.text("COMPILE_CHOICES") or None,
        jobs=given.whole("COMPILE_JOBS", plain.jobs, least=1),
        deadline_s=given.whole("COMPILE_DEADLINE_SECONDS", plain.deadline_s, least=1),
        ttl_s=given.whole("COMPILE_TTL_SECONDS", plain.ttl_s, least=60),
        retry_s=given.whole("COMPILE_RETRY_SECONDS", plain.retry_s, least=1),
        keep_s=given.whole("COMPILE_KEEP_SECONDS", plain.keep_s, least=1),
        memory_mib=given.whole("COMPILE_MEMORY_MIB", plain.memory_mib, least=128),
        cpu_millis=given.whole("COMPILE_CPU_MILLIS", plain.cpu_millis, least=10),
    )


def _imports(given: Environment) -> ImportSettings:
    plain = ImportSettings()
    trust, token = (given.path(name) for name in ("IMPORT_TRUST_FILE", "IMPORT_TOKEN_FILE"))
    keyless = given.one_of("IMPORT_SIGNING", ("key", "keyless")) == "keyless"
    if keyless and not (trust and token):
        raise SettingsInvalid(
            "SEGLAM_IMPORT_SIGNING=keyless needs SEGLAM_IMPORT_TRUST_FILE and SEGLAM_IMPORT_TOKEN_FILE"
        )
    return ImportSettings(
        signing="keyless" if keyless else "key",
        trust_file=trust,
        token_file=token,
        audience=given.text("IMPORT_AUDIENCE") or plain.audience,
        verifier=given.text("IMPORT_VERIFIER") or plain.verifier,
        directory=given.path("IMPORT_DIRECTORY") or plain.directory,
        timeout_s=given.whole("IMPORT_TIMEOUT_SECONDS", plain.timeout_s, least=1),
        retry_s=given.whole("IMPORT_RETRY_SECONDS", plain.retry_s, least=1),
    )
