"""Completions recorded in files stand in for a model where none is configured.

    DIRECTORY/author/*.json      replies of authors: procedures, extensions, refusals
    DIRECTORY/verifier/*.json    replies of verifiers: implementations and judgements of contrasts

Which recording is used is decided by what it says, never by a label. An author's is used only if its *own patterns*
bind the request that missed; an extension or another wording also only if the code it was made for is active. A
verifier's implementation is used only for the very signature that it was asked for, and a judgement only for the very
pair of sentences.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from seglam.compiler.assemble import core_digest
from seglam.compiler.budget import Allowance
from seglam.compiler.fitting import Fitting
from seglam.compiler.model import Completion, Model, NoRecording, Question, R
from seglam.compiler.replies import AliasReply, AuthorReply, ContrastsReply, ImplementationReply, JudgementReply
from seglam.compiler.results import ModelCall
from seglam.compiler.signature import Signature
from seglam.compiler.subjects import (
    AliasSubject,
    AuthorSubject,
    ContrastsSubject,
    ImplementationSubject,
    request_as_json,
    request_from_json,
)
from seglam.procedures.revision import Revision

UNCERTAIN = "never judged"


class RecordingError(ValueError):
    """A recording that cannot be read; the message names the file and what is wrong."""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)

    origin: str = Field(min_length=1, description="How the completion came to be, for whoever reads the file.")
    recorded: datetime
    model: str = Field(description="The model's name as the endpoint reported it.")
    prompt_digest: str
    input_tokens: int
    output_tokens: int


class AuthorRecording(_File):
    """A reply of an author. `base` names the code that an extension is made for."""

    role: Literal["author"] = "author"
    purpose: Literal["author", "repair"]
    request: dict[str, Any] = Field(description="The request that missed.")
    base: str | None = None
    reply: AuthorReply


class AliasRecording(_File):
    """A reply about another wording. `base` names the code of the procedure that it adds patterns to."""

    role: Literal["author"] = "author"
    purpose: Literal["alias"] = "alias"
    request: dict[str, Any] = Field(description="The request that missed.")
    base: str | None = None
    reply: AliasReply


class ImplementationRecording(_File):
    """A verifier's implementation, and the signature that was asked for as canonical JSON."""

    role: Literal["verifier"] = "verifier"
    purpose: Literal["implementation"] = "implementation"
    request: dict[str, Any]
    signature: str
    reply: ImplementationReply


class ContrastsRecording(_File):
    """A verifier's judgements of pairs of sentences."""

    role: Literal["verifier"] = "verifier"
    purpose: Literal["contrasts"] = "contrasts"
    summary: str
    pairs: list[tuple[str, str]]
    reply: ContrastsReply


Recording = AuthorRecording | AliasRecording | ImplementationRecording | ContrastsRecording
T = TypeVar("T", bound=_File)
_KINDS: dict[tuple[str, str], type[_File]] = {
    ("author", "author"): AuthorRecording,
    ("author", "repair"): AuthorRecording,
    ("author", "alias"): AliasRecording,
    ("verifier", "implementation"): ImplementationRecording,
    ("verifier", "contrasts"): ContrastsRecording,
}


def read_recordings(directory: Path) -> dict[str, _File]:
    """All recordings of a directory by their path in it, in order of names; `RecordingError` at the first bad one."""
    found: dict[str, _File] = {}
    for path in sorted(directory.glob("*/*.json")):
        name = path.relative_to(directory).as_posix()
        try:
            content = json.loads(path.read_bytes())
            kind = _KINDS[(content["role"], content["purpose"])]
            found[name] = kind.model_validate(content)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RecordingError(f"{path}: this is no recording ({error}); record it again or remove it") from error
    return found


class RecordedModel:
    """Recordings as a model; see the module for which is used."""

    def __init__(self, recordings: Mapping[str, _File], role: str) -> None:
        self.role = role
        authors = _only(recordings, AuthorRecording)
        # The first that was recorded comes first: later ones were written beside what it became.
        self._authors = dict(sorted(authors.items(), key=lambda item: (item[1].recorded, item[0])))
        self._aliases = _only(recordings, AliasRecording)
        self._implementations = _only(recordings, ImplementationRecording)
        self._contrasts = _only(recordings, ContrastsRecording)
        self._fitting = Fitting()

    @classmethod
    def of(cls, directory: Path, role: str) -> RecordedModel:
        """The recordings of a directory."""
        return cls(read_recordings(directory), role)

    def complete(self, question: Question[R], allowance: Allowance) -> Completion[R]:
        """See `Model.complete`; raises `NoRecording` where nothing fits."""
        subject = question.subject
        if isinstance(subject, AuthorSubject):
            name, author, reply = self._author(subject)
            return self._completion(question, reply, name, author)
        if isinstance(subject, AliasSubject):
            name, alias, other = self._alias(subject)
            return self._completion(question, other, name, alias)
        if isinstance(subject, ImplementationSubject):
            name, implementation = self._implementation(subject.signature)
            return self._completion(question, implementation.reply, name, implementation)
        assert isinstance(subject, ContrastsSubject)
        return self._judgements(question, subject)

    def _completion(self, question: Question[R], reply: BaseModel, name: str, recording: _File) -> Completion[R]:
        assert isinstance(reply, question.reply)
        call = ModelCall(
            role=self.role,
            purpose=question.purpose,
            model=recording.model,
            prompt_digest=recording.prompt_digest,
            input_tokens=recording.input_tokens,
            output_tokens=recording.output_tokens,
            elapsed_ms=0.0,
            recording=f"{name}: {recording.origin}",
        )
        wording = (
            request_from_json(recording.request) if isinstance(recording, AuthorRecording | AliasRecording) else None
        )
        return Completion(reply, (call,), wording)

    def _author(self, subject: AuthorSubject) -> tuple[str, AuthorRecording, AuthorReply]:
        for decision in ("procedure", "extend", "not-compilable"):
            for name, recording in self._authors.items():
                if recording.reply.decision == decision:
                    reply = self._fitting.fit(name, recording.reply, recording.base, subject)
                    if reply is not None and reply not in subject.earlier:
                        return name, recording, reply
        rejected = ", but for what was rejected" if subject.earlier else ""
        raise NoRecording(f"no recorded completion's own patterns bind the request{rejected}")

    def _alias(self, subject: AliasSubject) -> tuple[str, AliasRecording, AliasReply]:
        asked = AuthorSubject(subject.missed, subject.near)
        for name, recording in self._aliases.items():
            reply = recording.reply.extension
            fitting = reply and self._fitting.fit(name, reply, recording.base, asked, frame=True)
            if fitting and fitting.extend is not None:
                return name, recording, recording.reply.model_copy(update={"procedure": fitting.extend.procedure})
        raise NoRecording("no recorded wording binds the request")

    def _implementation(self, signature: Signature) -> tuple[str, ImplementationRecording]:
        wanted = signature.canonical
        for name, recording in self._implementations.items():
            if recording.signature == wanted:
                return name, recording
        raise NoRecording("no verifier's implementation of this very signature is recorded")

    def _judgements(self, question: Question[R], subject: ContrastsSubject) -> Completion[R]:
        """Judgements of all recordings; a pair that none judged is unsure."""
        verdicts: dict[tuple[str, str], JudgementReply] = {}
        used: dict[tuple[str, str], str] = {}
        for name, recording in self._contrasts.items():
            for judgement in recording.reply.judgements:
                number = int(judgement.pair) - 1 if judgement.pair.isdecimal() else -1
                if 0 <= number < len(recording.pairs):
                    pair = recording.pairs[number]
                    # Two verdicts on one pair that differ are none.
                    if verdicts.setdefault(pair, judgement).verdict != judgement.verdict:
                        verdicts[pair] = judgement.model_copy(update={"verdict": "unsure"})
                    used[pair] = name
        judged: list[JudgementReply] = []
        for number, pair in enumerate(subject.pairs, 1):
            known = verdicts.get(pair)
            unsure = JudgementReply(pair=str(number), verdict="unsure", why=UNCERTAIN)
            judged.append(unsure if known is None else known.model_copy(update={"pair": str(number)}))
        names = sorted({used[pair] for pair in subject.pairs if pair in used})
        calls = tuple(
            call
            for name in names
            for call in self._completion(question, self._contrasts[name].reply, name, self._contrasts[name]).calls
        )
        reply = ContrastsReply(judgements=judged)
        assert isinstance(reply, question.reply)
        return Completion(reply, calls[:1])


def _only(recordings: Mapping[str, _File], kind: type[T]) -> dict[str, T]:
    return {name: recording for name, recording in recordings.items() if isinstance(recording, kind)}


@dataclass(frozen=True, slots=True)
class Recorder:
    """A model whose completions are written to files while it answers.

    Args:
        model: the live model.
        role: author or verifier; also the folder's name.
        directory: where the folders are.
        origin: how these completions come to be, in words, for whoever reads the files.
    """

    model: Model
    role: str
    directory: Path
    origin: str

    def complete(self, question: Question[R], allowance: Allowance) -> Completion[R]:
        """See `Model.complete`."""
        completion = self.model.complete(question, allowance)
        content = self._content(question, completion)
        folder = self.directory / self.role
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        path = folder / f"{question.purpose}-{digest}.json"
        draft = path.with_suffix(".partial")
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
        return completion

    def _content(self, question: Question[R], completion: Completion[R]) -> dict[str, Any]:
        last = completion.calls[-1]
        subject = question.subject
        common = {
            "role": self.role,
            "purpose": question.purpose,
            "origin": self.origin,
            "recorded": datetime.now(UTC).isoformat(timespec="seconds"),
            "model": last.model,
            "promptDigest": question.prompt.digest,
            "inputTokens": last.input_tokens,
            "outputTokens": last.output_tokens,
        }
        reply = completion.output.model_dump(mode="json", by_alias=True, exclude_none=True)
        own: dict[str, Any]
        if isinstance(subject, AuthorSubject):
            base = _base_of(completion.output, subject.known)
            own = {"request": request_as_json(subject.missed.request), **({"base": base} if base else {})}
        elif isinstance(subject, AliasSubject):
            base = _base_of(completion.output, subject.near)
            own = {"request": request_as_json(subject.missed.request), **({"base": base} if base else {})}
        elif isinstance(subject, ImplementationSubject):
            own = {"request": request_as_json(subject.request), "signature": subject.signature.canonical}
        else:
            assert isinstance(subject, ContrastsSubject)
            own = {"summary": subject.summary, "pairs": [list(pair) for pair in subject.pairs]}
        return {**common, **own, "reply": reply}


def _base_of(reply: BaseModel, known: Iterable[Revision]) -> str | None:
    if isinstance(reply, AliasReply):
        name = reply.procedure
    elif isinstance(reply, AuthorReply) and reply.extend is not None:
        name = reply.extend.procedure
    else:
        return None
    return next((core_digest(each.spec) for each in known if each.name == name), None)
