"""Run a compile Job: `python -m seglam.compiler.job`.

Exit code 0 whenever a result was kept, whatever it says; 1 if it could not be; 2 if the pod's settings cannot be used.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from dataclasses import replace
from datetime import UTC, datetime
from types import FrameType

from seglam import telemetry
from seglam.compiler import Bench, Budget, Compiler, Missed, RecordingError, models_of
from seglam.compiler.endpoints import SettingsError
from seglam.compiler.job.calls import CallFailed, runners, work_of
from seglam.compiler.job.keeping import Keeper
from seglam.compiler.job.settings import JobSettings, SettingsInvalid
from seglam.compiler.job.tracing import traced
from seglam.compiler.jobresult import (
    MAX_MESSAGE,
    ActiveRevision,
    JobOutcome,
    JobResult,
    Withdrawn,
    Work,
    shortened,
)
from seglam.compiler.lessons import correction, tests_of
from seglam.compiler.opinion import bound
from seglam.compiler.subjects import request_from_json
from seglam.compiler.tracing import TracedModel
from seglam.lookup import Hit, Index, Miss
from seglam.procedures.document import API_VERSION, KIND, Metadata, ReasoningProcedure
from seglam.procedures.patterns import PatternError
from seglam.procedures.revision import Revision
from seglam.procedures.values import ValueProblem
from seglam.sandbox import RunnersUnavailable, TLSError


def main() -> int:
    """Run one Job."""
    try:
        settings = JobSettings.from_environ(os.environ)
    except SettingsInvalid as problem:
        sys.stderr.write(f"seglam.compiler.job: {problem}\n")
        return 2
    keeper = Keeper(settings)

    def end(number: int, frame: FrameType | None) -> None:
        """Keep a result in what is left of the pod's time; threads that wait for a model or a runner do not count."""
        code = 1
        try:
            code = _kept(
                keeper,
                _failed(settings, "the pod was told to end before the compilation did: its deadline, or its node"),
            )
        finally:
            os._exit(code)

    signal.signal(signal.SIGTERM, end)
    with traced(settings, os.environ):
        result = _result(settings)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the result is being written
    return _kept(keeper, result)


def _kept(keeper: Keeper, result: JobResult) -> int:
    try:
        keeper.keep(result)
    except (CallFailed, OSError, TLSError) as problem:
        sys.stderr.write(f"seglam.compiler.job: {problem}\n")
        sys.stderr.flush()
        return 1
    say(step="finished", outcome=result.outcome, cut=result.cut)
    return 0


def _result(settings: JobSettings) -> JobResult:
    """What came of the Job; never raises for anything that a result can say."""
    try:
        return compile_work(settings, work_of(settings))
    except (CallFailed, RunnersUnavailable, SettingsError, RecordingError, TLSError, OSError) as problem:
        return _failed(settings, str(problem))
    except Exception as defect:  # noqa: BLE001 - a result says so
        frames = traceback.extract_tb(defect.__traceback__)
        # Not the exception's words: they may hold what a user sent.
        sys.stderr.write("".join(traceback.format_list(frames)))
        last = frames[-1]
        return _failed(settings, f"a defect of SEGLAM: {type(defect).__name__} in {last.name}; see the Job's log")


def compile_work(settings: JobSettings, work: Work) -> JobResult:
    """Compile what the gateway wants compiled.

    Raises:
        CallFailed, RunnersUnavailable: something that the Job needs does not answer or is not as it should be.
        SettingsError, RecordingError, TLSError, OSError: models, recordings or files cannot be used.
    """
    say(step="begun", active=len(work.revisions), attempt=settings.attempt)
    index = index_of(work)
    request = request_from_json(work.request)
    found = index.find(request)
    if isinstance(found, Hit):
        served = found.binding.revision
        if work.miss is None or work.miss.revision != served.digest:
            message = f"{served.name} binds the request by now; no model was asked"
            return JobResult(
                compilation=settings.compilation,
                attempt=settings.attempt,
                outcome=JobOutcome.KNOWN_BY_NOW,
                message=message,
                digest=served.digest,
            )
        found = Miss(work.miss.reason, work.miss.explanation)
    os.environ["SSL_CERT_FILE"] = str(settings.authority)  # the model is asked through the gateway, nobody else
    models = models_of(settings.recordings, settings.model_environ())
    say(step="models", described=models.described)
    bench = Bench(runners(settings, "a"), runners(settings, "b"))
    choices = settings.choices.read_text(encoding="utf-8").splitlines() if settings.choices else []
    budget = Budget(seconds=settings.seconds)
    author = settings.models.get("SEGLAM_MODEL", "recorded")
    compiler = Compiler(
        TracedModel(models.author, "author", author),
        TracedModel(models.verifier, "verifier", settings.models.get("SEGLAM_VERIFIER_MODEL", author)),
        bench,
        budget=budget,
        choices=choices,
    )
    with telemetry.compilation(settings.compilation, work.fingerprint) as span:
        made = compiler.compile(taught(Missed(request, found, work.tenant), work, bench), index, progress)
        span.set_attribute(telemetry.names.COMPILATION_OUTCOME, made.outcome)
        if made.document is None and made.negative is None:
            telemetry.failed(span, made.outcome, "")
        where = telemetry.reference(span)
    result = JobResult.of(made, settings.compilation, settings.attempt, work.requester)
    return result if where is None else result.model_copy(update={"trace": where.traceparent})


def taught(missed: Missed, work: Work, bench: Bench) -> Missed:
    """The miss with what is known of its type: what was corrected, and the tests of what was withdrawn."""
    corrections = [(request_from_json(each.request), each) for each in work.corrections]
    cases = [correction(request, each.expected, each.given, own=each.own) for request, each in corrections]
    if work.withdrawn is None:
        return replace(missed, cases=tuple(cases))
    revision = _revision(work.withdrawn)
    own = [bound(revision, request) for request, each in corrections if each.own]
    contradicted = [dict(binding.arguments) for binding in own if binding is not None]
    tests = tests_of(revision, work.withdrawn.implementation, contradicted, bench)
    return replace(missed, withdrawn=revision, cases=(*cases, *tests))


def index_of(work: Work) -> Index:
    """The tenant's active revisions; `CallFailed` if one is not what its digest says."""
    index = Index()
    for each in work.revisions:
        try:
            index.add(_revision(each))
        except (PatternError, ValueProblem) as problem:
            raise CallFailed(f"the gateway's document of {each.procedure} cannot be read: {problem}") from problem
    return index


def _revision(stated: ActiveRevision | Withdrawn) -> Revision:
    document = ReasoningProcedure(
        api_version=API_VERSION, kind=KIND, metadata=Metadata(name=stated.procedure), spec=stated.document
    )
    revision = Revision.of(document)
    if revision.digest != stated.digest:
        raise CallFailed(f"the gateway's document of {stated.procedure} has not the digest {stated.digest}")
    return revision


def progress(words: str) -> None:
    """Say what the compiler does, without what a gate said of values."""
    say(step=words.partition(":")[0])


def say(**what: object) -> None:
    """One JSON line on stdout."""
    line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **what}
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _failed(settings: JobSettings, message: str) -> JobResult:
    return JobResult(
        compilation=settings.compilation,
        attempt=settings.attempt,
        outcome=JobOutcome.FAILED,
        message=shortened(message, MAX_MESSAGE),
    )


if __name__ == "__main__":
    sys.exit(main())
