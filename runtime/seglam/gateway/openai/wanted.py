"""What a call of the OpenAI API is to the cache: a request that a procedure may answer, or something that passes it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from seglam.procedures import Request

LONGEST_VALUE = 512
"""Characters of a system prompt or a response format that a procedure can declare as they are (`oneOf`); a longer one
is named by its SHA-256."""
_SHOWN = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Why(StrEnum):
    """Why a call passes the procedures by. Clients see it as `detail` of `Cache-Status`."""

    UNREADABLE = "unreadable"  # no JSON object in UTF-8, or a member that is given twice
    TOO_LARGE = "too-large"
    MODEL = "model"
    PARAMETER = "parameter"
    TOOLS = "tools"
    CHOICES = "choices"
    LOGPROBS = "logprobs"
    MEDIA = "media"  # images, audio, files: whatever is no text
    CONVERSATION = "conversation"
    STORED = "stored"  # the model's service is to keep the answer, or has kept what came before
    SYSTEM = "system"
    FORMAT = "format"
    TEXT = "text"


class Unfit(StrEnum):
    """Why an answer is none for this call, so that the call passes on."""

    LIMIT = "answer-over-limit"
    STOP = "answer-holds-stop"
    FORM = "answer-not-in-form"


@dataclass(frozen=True, slots=True)
class Passing:
    """A call that no procedure can answer.

    Attributes:
        member: the member of the body that says so.
        model: the model that is named, where one is.
    """

    why: Why
    member: str = ""
    model: str = ""

    @property
    def words(self) -> str:
        """For a person; a member's name is shown if it is one."""
        named = f" ({self.member})" if _SHOWN.fullmatch(self.member) else ""
        return f"{_WORDS[self.why]}{named}"

    @property
    def param(self) -> str | None:
        """The member's name if it can be shown."""
        return self.member if _SHOWN.fullmatch(self.member) else None


_WORDS: Mapping[Why, str] = {
    Why.UNREADABLE: "the body is no JSON object that has one reading",
    Why.TOO_LARGE: "the body is larger than any request that a procedure takes",
    Why.MODEL: "the model is one that procedures do not stand in for",
    Why.PARAMETER: "a parameter is not known to leave the answer as it is",
    Why.TOOLS: "tools are not called by procedures",
    Why.CHOICES: "procedures give one answer, never several",
    Why.LOGPROBS: "procedures have no log probabilities",
    Why.MEDIA: "procedures read and write text only",
    Why.CONVERSATION: "earlier turns may matter; procedures read one message",
    Why.STORED: "the answer is to be kept by the model's service, or refers to what it kept",
    Why.SYSTEM: "there is more than one system message",
    Why.FORMAT: "the form of the answer is none that is known",
    Why.TEXT: "the message is no text that a procedure takes",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A call that a procedure may answer.

    Attributes:
        model: as the client named it.
        stream: the answer is wanted as server-sent events.
        usage: a last event with the usage is wanted.
        most: tokens that the answer may have.
        stops: texts before which a model would stop.
        as_object: the answer must be JSON text of an object.
        compilable: whether what was asked can be told to a compiler in full.
        echoed: members that the API repeats in its answer.
    """

    request: Request
    model: str
    stream: bool = False
    usage: bool = False
    most: int | None = None
    stops: tuple[str, ...] = ()
    as_object: bool = False
    compilable: bool = True
    echoed: Mapping[str, object] = field(default_factory=dict)

    def unfit(self, answer: str) -> Unfit | None:
        """Why the client cannot take an answer; None if it can.

        A token stands for at least one byte, so an answer of no more bytes than tokens are allowed is within the limit
        whatever the model's alphabet of tokens.
        """
        if self.most is not None and len(answer.encode("utf-8", "replace")) > self.most:
            return Unfit.LIMIT
        if any(stop in answer for stop in self.stops):
            return Unfit.STOP
        if self.as_object and not _is_object(answer):
            return Unfit.FORM
        return None


def context_value(text: str) -> tuple[str, bool]:
    """A text as an entry of the context, and whether it stands there in full."""
    if len(text) <= LONGEST_VALUE:
        return text, True
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest(), False


def _is_object(text: str) -> bool:
    try:
        return isinstance(msgspec.json.decode(text), dict)
    except (msgspec.DecodeError, RecursionError):
        return False
