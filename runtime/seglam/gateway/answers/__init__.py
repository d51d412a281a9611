"""The record of answers: which revision answered what when, so that each can be followed back. Never values."""

from __future__ import annotations

from seglam.gateway.answers.log import AnswerLog
from seglam.gateway.answers.reading import Records
from seglam.gateway.answers.records import Recorded, answer_id
from seglam.gateway.answers.settings import AnswerSettings

__all__ = ["AnswerLog", "AnswerSettings", "Recorded", "Records", "answer_id"]
