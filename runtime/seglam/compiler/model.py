"""What asks a model: the protocol that live and recorded models share, and the ways in which asking fails."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel

from seglam.compiler.budget import Allowance
from seglam.compiler.results import ModelCall
from seglam.procedures.request import Request

Reply = TypeVar("Reply", bound=BaseModel)
R = TypeVar("R", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A rendered prompt. `system` is the same for all questions of a purpose; `user` holds this one's data."""

    system: str
    user: str

    @property
    def digest(self) -> str:
        """`sha256:` and the digest of everything that the model sees."""
        return "sha256:" + hashlib.sha256(f"{self.system}\n\n{self.user}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Question(Generic[Reply]):
    """One question.

    `purpose` is alias, author, repair, implementation or contrasts. `subject` is what is asked about, as data: a
    recorded model decides by it which recording fits; a live one reads the prompt only.
    """

    purpose: str
    prompt: Prompt
    reply: type[Reply]
    subject: object


@dataclass(frozen=True, slots=True)
class Completion(Generic[Reply]):
    """A reply of the asked shape, and every call that it took (a reply of another shape is asked for again).

    `wording` is the request that the reply was written for, where that is not the one at hand: a recorded author saw
    another request of the type, and what it wrote is compared with the wording that it saw.
    """

    output: Reply
    calls: tuple[ModelCall, ...]
    wording: Request | None = None


class Model(Protocol):
    """A language model, or recordings that stand in for one."""

    def complete(self, question: Question[R], allowance: Allowance) -> Completion[R]:
        """Answer a question within an allowance. Blocks; call it in a worker thread.

        Raises:
            ModelFailed: no reply of the asked shape came.
            NoRecording: the model is a set of recordings and none fits.
        """


class Failure(StrEnum):
    """Why a model gave no usable reply."""

    DOWN = "down"  # no connection, a broken one, or a server error
    SLOW = "slow"  # no whole reply in time
    RATE_LIMITED = "rate-limited"
    GARBAGE = "garbage"  # replies that are not of the asked shape, or no chat completion at all
    REFUSED = "refused"  # the endpoint does not accept the key, the model's name or the request
    BUDGET = "budget"  # the reply used more tokens than were left


class ModelFailed(Exception):
    """A model gave no usable reply. `retry_after` is in seconds, where the endpoint stated it."""

    def __init__(
        self, kind: Failure, message: str, calls: tuple[ModelCall, ...] = (), retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.calls = calls
        self.retry_after = retry_after


class NoRecording(Exception):
    """No recorded completion fits; the message says what was asked."""
