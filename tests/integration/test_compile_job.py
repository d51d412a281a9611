"""The compile Job as a process: real TLS, real WebAssembly, a scripted model behind a real endpoint, or recordings."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seglam.compiler import Bench, Evidence, Gate
from seglam.compiler.jobresult import JobOutcome, JobResult
from seglam.compiler.verification import reverify_differential, verify
from seglam.procedures import ReasoningProcedure, Revision
from seglam.sandbox import Engine, Sandbox
from tests.commands import environment
from tests.compilations import SUM, procedure, scripted
from tests.documents import document
from tests.job_gateway import NAME, NAMESPACE, Stood, standing
from tests.openai_server import Reply, completion
from tests.openai_server import serving as serving_model

PLEASE = "Add 20 to 30 for our customer Miriam"


@pytest.fixture(scope="module")
def sandboxes() -> Iterator[dict[str, Sandbox]]:
    with Sandbox(Engine.load(build="a")) as first, Sandbox(Engine.load(build="b")) as second:
        yield {"a": first, "b": second}


def work(text: str = SUM, *active: ReasoningProcedure, **more: Any) -> dict[str, Any]:
    revisions = [
        {
            "procedure": each.metadata.name,
            "digest": Revision.of(each).digest,
            "document": each.spec.model_dump(mode="json", by_alias=True, exclude_none=True),
        }
        for each in active
    ]
    request = {"text": text}
    return {
        "tenant": "team-a",
        "fingerprint": "0" * 32,
        "requester": "ana",
        "request": request,
        "revisions": revisions,
        **more,
    }


def job(stood: Stood, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "seglam.compiler.job"]
    return subprocess.run(
        command, env=environment(**stood.environ(**more)), capture_output=True, text=True, timeout=120, check=False
    )


def kept(stood: Stood) -> JobResult:
    _, _, content = stood.kept[-1]
    return JobResult.read(content["data"]["result.json"], NAME)


def made_of(result: JobResult) -> ReasoningProcedure:
    assert result.document is not None and result.name is not None
    plain = result.document.model_dump(mode="json", by_alias=True, exclude_none=True)
    meta = {"name": result.name}
    return ReasoningProcedure.model_validate(
        {"apiVersion": "seglam.dev/v1alpha1", "kind": "ReasoningProcedure", "metadata": meta, "spec": plain}
    )


def test_a_miss_becomes_a_result_that_the_operator_can_verify_again(
    tmp_path: Path, sandboxes: dict[str, Sandbox]
) -> None:
    with scripted([procedure()]) as model, standing(tmp_path, work(), sandboxes, model.url) as stood:
        stood.busy = 2
        done = job(stood, SEGLAM_MODEL="m")
    assert done.returncode == 0, done.stderr
    method, path, content = stood.kept[0]
    assert (method, path) == ("POST", f"/api/v1/namespaces/{NAMESPACE}/configmaps")
    assert content["metadata"]["name"] == NAME
    assert content["metadata"]["ownerReferences"][0] == {
        "apiVersion": "batch/v1", "kind": "Job", "name": NAME, "uid": "11111111-2222-3333-4444-555555555555",
    }  # fmt: skip
    result = kept(stood)
    assert (result.outcome, result.attempt, result.answer) == (JobOutcome.PROPOSED, 2, "7"), result.message
    assert result.authors == ["ana", "model:test-model"] and result.arguments == {"a": "3", "b": "4"}
    assert [each.gate for each in result.evidence] == list(Gate) and all(each.passed for each in result.evidence)
    made = made_of(result)
    assert result.digest == Revision.of(made).digest
    assert set(result.engines) == {each.engine.digest for each in sandboxes.values()}
    bench = Bench(sandboxes["a"], sandboxes["b"])
    assert verify(made, [], bench).passed
    again = reverify_differential(made, result.verification, bench)
    assert again.passed and counted(again) >= 200


def counted(evidence: Evidence) -> int:
    found = evidence.detail["compared"]
    assert isinstance(found, int)
    return found


def test_progress_holds_nothing_of_the_request(tmp_path: Path, sandboxes: dict[str, Sandbox]) -> None:
    wrong = procedure(code="def solve(a, b):\n    return a - b\n", patterns=["Add {a} to {b} for our customer Miriam"])
    with scripted([wrong]) as model, standing(tmp_path, work(PLEASE), sandboxes, model.url) as stood:
        done = job(stood, SEGLAM_MODEL="m")
    assert done.returncode == 0, done.stderr
    assert kept(stood).outcome is JobOutcome.REJECTED
    assert "Miriam" not in done.stdout + done.stderr and "Miriam" not in kept(stood).message
    steps = [json.loads(line)["step"] for line in done.stdout.splitlines()]
    assert steps[0] == "begun" and steps[-1] == "finished" and "gate differential failed" in steps


def test_recordings_stand_in_for_a_model(tmp_path: Path, sandboxes: dict[str, Sandbox]) -> None:
    text = "Is 2024 a leap year?"
    with standing(tmp_path, work(text), sandboxes) as stood:
        done = job(stood, SEGLAM_RECORDINGS="examples/recordings")
    assert done.returncode == 0, done.stderr
    result = kept(stood)
    assert result.outcome is JobOutcome.PROPOSED, result.message
    assert any(call.recording for call in result.calls)
    made = made_of(result)
    bench = Bench(sandboxes["a"], sandboxes["b"])
    assert verify(made, [], bench).passed and reverify_differential(made, result.verification, bench).passed


@pytest.mark.parametrize(
    ("active", "miss", "outcome"),
    [
        (True, None, JobOutcome.KNOWN_BY_NOW),
        (True, "served", JobOutcome.NO_COMPLETION),
        (False, None, JobOutcome.NO_COMPLETION),
    ],
)
def test_nobody_is_asked_about_what_is_known_by_now(
    tmp_path: Path, sandboxes: dict[str, Sandbox], active: bool, miss: str | None, outcome: JobOutcome
) -> None:
    double = document()
    more: dict[str, Any] = {}
    if miss:
        more["miss"] = {"reason": "guard", "explanation": "the code refused", "revision": Revision.of(double).digest}
    wanted = work("double 4", *([double] if active else []), **more)
    with standing(tmp_path, wanted, sandboxes) as stood:
        done = job(stood)
    assert done.returncode == 0, done.stderr
    assert kept(stood).outcome is outcome and kept(stood).calls == []


def test_a_gateway_without_the_request_leaves_a_result_that_says_so(
    tmp_path: Path, sandboxes: dict[str, Sandbox]
) -> None:
    with standing(tmp_path, None, sandboxes) as stood:
        done = job(stood)
    assert done.returncode == 0
    assert kept(stood).outcome is JobOutcome.FAILED and "does not hold the request" in kept(stood).message


def test_a_document_of_another_digest_ends_it(tmp_path: Path, sandboxes: dict[str, Sandbox]) -> None:
    wanted = work(SUM, document())
    wanted["revisions"][0]["digest"] = "sha256:" + "0" * 64
    with standing(tmp_path, wanted, sandboxes) as stood:
        assert job(stood).returncode == 0
    assert kept(stood).outcome is JobOutcome.FAILED and "has not the digest" in kept(stood).message


def test_the_result_of_an_earlier_attempt_is_replaced(tmp_path: Path, sandboxes: dict[str, Sandbox]) -> None:
    with standing(tmp_path, work(), sandboxes) as stood:
        stood.refusals["POST"] = 409
        assert job(stood).returncode == 0
    assert [method for method, _, _ in stood.kept] == ["PUT"]


def test_what_the_api_server_refuses_is_said(tmp_path: Path, sandboxes: dict[str, Sandbox]) -> None:
    with standing(tmp_path, work(), sandboxes) as stood:
        stood.refusals["POST"] = 403
        done = job(stood)
    assert done.returncode == 1
    assert "said by the API server" in done.stderr and "seglam-compile-job" in done.stderr


def test_a_job_that_is_told_to_end_leaves_a_result(tmp_path: Path, sandboxes: dict[str, Sandbox]) -> None:
    asked, wait = threading.Event(), threading.Event()

    def answer(_: dict[str, Any]) -> Reply:
        asked.set()
        return replace(completion({}), wait=wait)

    with serving_model(answer) as model, standing(tmp_path, work(), sandboxes, model.url) as stood:
        environ = environment(**stood.environ(SEGLAM_MODEL="m"))
        with subprocess.Popen(
            [sys.executable, "-m", "seglam.compiler.job"], env=environ, stdout=-1, stderr=-1
        ) as running:
            assert asked.wait(60)
            running.send_signal(signal.SIGTERM)
            assert running.wait(30) == 0
        wait.set()
    assert kept(stood).outcome is JobOutcome.FAILED and "told to end" in kept(stood).message


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SEGLAM_COMPILATION", "", "SEGLAM_COMPILATION is not set"),
        ("SEGLAM_GATEWAY", "http://localhost:1", "give https://host:port"),
        ("SEGLAM_GATEWAY", "https://localhost:99999", "give https://host:port"),
        ("SEGLAM_ATTEMPT", "none", "give a whole number of at least 1"),
    ],
)
def test_settings_that_cannot_be_used_are_told(
    tmp_path: Path, sandboxes: dict[str, Sandbox], name: str, value: str, said: str
) -> None:
    done = job(Stood(1, tmp_path, None, None, sandboxes), **{name: value})
    assert done.returncode == 2 and said in done.stderr
