"""Logs: JSON lines with trace ids on standard error, and OpenTelemetry's log records where there is an endpoint.

Neither ever holds a secret of the environment or a bearer token. What is exported has no words of exceptions, which may
hold what users sent, unless `SEGLAM_TELEMETRY_VALUES` is 1: their type and where they were raised are there.
"""

from __future__ import annotations

import json
import logging
import os
import re
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from time import time_ns

from opentelemetry._logs import Logger, LogRecord, SeverityNumber
from opentelemetry.context import get_current
from opentelemetry.trace import format_span_id, format_trace_id, get_current_span
from opentelemetry.util.types import AnyValue

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
SECRET_NAME = re.compile(r"(?:KEY|TOKEN|SECRET|PASSWORD|HEADERS|_URL)\Z")
"""Variables whose values are not logged; addresses may hold a password."""
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")
_IN_URL = re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)")
_SHORTEST = 8
_SEVERITIES = {
    logging.DEBUG: SeverityNumber.DEBUG,
    logging.INFO: SeverityNumber.INFO,
    logging.WARNING: SeverityNumber.WARN,
    logging.ERROR: SeverityNumber.ERROR,
    logging.CRITICAL: SeverityNumber.FATAL,
}
OWN = ("opentelemetry", "urllib3", "requests")
"""Loggers of what exports: telling of a failed export by another export would never end."""


class Cleaner:
    """Takes secrets out of texts."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        found = {
            value
            for name, value in environ.items()
            if SECRET_NAME.search(name) and len(value) >= _SHORTEST and (not name.endswith("_URL") or "@" in value)
        }
        self._secrets = sorted(found, key=len, reverse=True)

    def clean(self, text: str) -> str:
        """The text without values of secret variables, tokens and passwords in addresses."""
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        text = _IN_URL.sub("[secret]", text)
        return _BEARER.sub(r"\1 [secret]", text)


class JsonLines(logging.Formatter):
    """One JSON object a record, with the members that a call gave as `extra` and the trace that it belongs to."""

    def __init__(self) -> None:
        super().__init__()
        self._cleaner = Cleaner(os.environ)

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        said = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        said |= {name: value for name, value in vars(record).items() if name not in STANDARD}
        span = get_current_span().get_span_context()
        if span.is_valid:
            said |= {"trace_id": format_trace_id(span.trace_id), "span_id": format_span_id(span.span_id)}
        if record.exc_info:
            said["exception"] = self.formatException(record.exc_info)
        return self._cleaner.clean(json.dumps(said, ensure_ascii=False, default=str))


class TextLines(logging.Formatter):
    """A line a record, for people."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._cleaner = Cleaner(os.environ)

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        return self._cleaner.clean(super().format(record))


class Exporting(logging.Handler):
    """Hands records to OpenTelemetry."""

    def __init__(self, logger: Logger, *, values: bool) -> None:
        super().__init__(logging.INFO)
        self._logger = logger
        self._values = values
        self._cleaner = Cleaner(os.environ)

    def emit(self, record: logging.LogRecord) -> None:
        """Export one record. What fails is told on standard error, as `logging` does."""
        if record.name.startswith(OWN):
            return
        try:
            self._logger.emit(self._translated(record))
        except Exception:  # noqa: BLE001 a log never ends what it tells of
            self.handleError(record)

    def _translated(self, record: logging.LogRecord) -> LogRecord:
        attributes: dict[str, AnyValue] = {
            name: self._cleaner.clean(str(value)) for name, value in vars(record).items() if name not in STANDARD
        }
        attributes |= {"code.function.name": record.funcName, "code.line.number": record.lineno,
                       "logger.name": record.name}  # fmt: skip
        if record.exc_info and record.exc_info[0] is not None:
            kind, error, trace = record.exc_info
            attributes["exception.type"] = kind.__name__
            attributes["exception.stacktrace"] = self._cleaner.clean("".join(traceback.format_tb(trace)))
            if self._values:
                attributes["exception.message"] = self._cleaner.clean(str(error))
        return LogRecord(
            timestamp=int(record.created * 1e9),
            observed_timestamp=time_ns(),
            context=get_current(),
            severity_number=_SEVERITIES.get(record.levelno, SeverityNumber.INFO),
            severity_text=record.levelname,
            body=self._cleaner.clean(self._words(record)),
            attributes=attributes,
        )

    def _words(self, record: logging.LogRecord) -> str:
        """The message, in which an exception is named by its type alone."""
        if self._values or not isinstance(record.args, tuple):
            return record.getMessage()
        told = tuple(type(each).__name__ if isinstance(each, BaseException) else each for each in record.args)
        return str(record.msg) % told if told else str(record.msg)


def configure_logs(form: str, level: str, quiet: tuple[str, ...] = ()) -> None:
    """Log all of `level` and above to standard error, as `json` lines or as `text`; `quiet` loggers only warn."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler, *(each for each in root.handlers if isinstance(each, Exporting))]
    root.setLevel(level)
    for name in quiet:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))
