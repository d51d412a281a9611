"""Objects that the operator makes, as files to read and to compare; `python -m tests.unit.operator.goldens` writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from seglam.operator.desired import proposal
from seglam.operator.desired.compile_job import compile_job
from seglam.operator.desired.runner_namespace import namespace, network_policies, runner_secret
from seglam.operator.desired.runners import Pool, dedicated, deployment, disruption_budget, service, verification
from seglam.operator.desired.runners import stated_pool as pool_of
from seglam.operator.settings import CompileSettings, RunnerSettings, Settings
from seglam.procedures.document import Spec
from seglam.resources import ProcedureCompilationSpec, RunnerPoolSpec

DIRECTORY = Path(__file__).with_name("golden")
RUNNER = "registry.example/seglam-runner@sha256:" + "ab" * 32
PLATFORM = "registry.example/seglam-platform@sha256:" + "cd" * 32
RUNNERS = RunnerSettings(image=RUNNER)
SETTINGS = Settings(runners=RUNNERS, compiling=CompileSettings(image=PLATFORM, model="m-1", verifier_model="m-2"))
COMPILATION = "rpc-0123456789abcdef0123"
UID = "8d0f0b54-6a3b-4a53-9d39-5c2f8a7f1b10"
SPEC = ProcedureCompilationSpec.model_validate(
    {
        "fingerprint": "0123456789abcdef" * 2,
        "requestDigest": "sha256:" + "ef" * 32,
        "requester": "alice",
        "attempt": 2,
        "reference": {"host": "10.1.2.3", "id": "r-1"},
        "traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01",
    }
)
PROCEDURE = Spec.model_validate(
    {
        "summary": "Twice a number.",
        "parameters": [{"name": "number", "type": "integer"}],
        "returns": {"type": "integer"},
        "match": {"patterns": [{"text": "what is twice {number}"}]},
        "code": "def solve(number):\n    return 2 * number\n",
        "examples": [
            {"request": "what is twice 4", "arguments": [{"name": "number", "value": "4"}], "answer": "8"},
        ],
        "sandbox": {"isolation": "dedicated"},
    }
)


def _pool(pool: Pool, procedure: str | None = None) -> list[Mapping[str, Any]]:
    made = [service(pool), disruption_budget(pool), deployment(pool, RUNNERS, procedure)]
    return [each for each in made if each is not None]


def cases() -> dict[str, Sequence[Mapping[str, Any]]]:
    """The objects of each file."""
    recorded = replace(SETTINGS, compiling=CompileSettings(image=PLATFORM, recordings=("first", "second"), choices="c"))
    large = RunnerPoolSpec.model_validate(
        {"replicas": 3, "image": "other@sha256:00", "runtimeClassName": "gvisor", "memoryMiB": 2048, "cpuMillis": 2500}
    )
    data = {"tls.crt": b"certificate", "tls.key": b"key", "ca.crt": b"authorities"}
    authors = proposal.authors("alice", ["model:m-1"])
    return {
        "runner-namespace": [
            namespace("seglam-run-team-a", "team-a"),
            *network_policies("seglam-run-team-a", "team-a", "seglam-system"),
            runner_secret("seglam-run-team-a", "team-a", data),
        ],
        "pool-default": _pool(pool_of("team-a", "default", RunnerPoolSpec(), RUNNERS)),
        "pool-large": _pool(pool_of("team-a", "large", large, RUNNERS)),
        "pool-dedicated": _pool(dedicated("team-a", "capital-of-country", "gvisor", RUNNERS), "capital-of-country"),
        "verification": [
            namespace("seglam-verification", None),
            *network_policies("seglam-verification", None, "seglam-system"),
            *_pool(verification(SETTINGS)),
        ],
        "compile-job": [compile_job(COMPILATION, "team-a", UID, SPEC, SETTINGS)],
        "compile-job-recorded": [compile_job(COMPILATION, "team-a", UID, SPEC, recorded)],
        "proposal": [proposal.procedure("team-a", "twice", COMPILATION, PROCEDURE, authors)],
    }


def written(objects: Sequence[Mapping[str, Any]]) -> str:
    """YAML documents without aliases, keys in their order."""
    return yaml.dump_all(objects, Dumper=_Plain, sort_keys=False, width=120, explicit_start=True)


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def main() -> None:
    """Write all files."""
    DIRECTORY.mkdir(exist_ok=True)
    for name, objects in cases().items():
        (DIRECTORY / f"{name}.yaml").write_text(written(objects), encoding="utf-8")


if __name__ == "__main__":
    main()
