"""From a miss to a proposed revision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seglam.compiler.budget import Budget
from seglam.compiler.compiler import Compiler
from seglam.compiler.configured import Models, models_of
from seglam.compiler.endpoints import Endpoint, SettingsError, endpoint_of
from seglam.compiler.model import Completion, Failure, Model, ModelFailed, NoRecording, Prompt, Question
from seglam.compiler.negative import NegativeIndex
from seglam.compiler.recordings import RecordedModel, Recorder, RecordingError
from seglam.compiler.results import Case, Compilation, Evidence, Gate, Missed, ModelCall, Must, Negative, Outcome
from seglam.compiler.running import Bench

if TYPE_CHECKING:
    from seglam.compiler.openai import OpenAIModel

__all__ = [
    "Bench",
    "Budget",
    "Case",
    "Compilation",
    "Compiler",
    "Completion",
    "Endpoint",
    "Evidence",
    "Failure",
    "Gate",
    "Missed",
    "Model",
    "ModelCall",
    "ModelFailed",
    "Models",
    "Must",
    "Negative",
    "NegativeIndex",
    "NoRecording",
    "OpenAIModel",
    "Outcome",
    "Prompt",
    "Question",
    "RecordedModel",
    "Recorder",
    "RecordingError",
    "SettingsError",
    "endpoint_of",
    "models_of",
]


def __getattr__(name: str) -> object:
    """`OpenAIModel` is imported when it is asked for: the libraries behind it take a second."""
    if name == "OpenAIModel":
        from seglam.compiler.openai import OpenAIModel

        return OpenAIModel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
