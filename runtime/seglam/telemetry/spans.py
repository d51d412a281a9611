"""The spans of the loop.

    seglam.request -> seglam.lookup
                   -> execute_tool {procedure}     links to the compilation and the review of its revision
                   -> seglam.compile -> chat {model}
                                     -> seglam.gate {gate}
    seglam.review

Each function returns a context manager that yields the span. While telemetry is off it yields one that records
nothing, always the same, and no name or attribute is made.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple

from opentelemetry.context import Context
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    format_span_id,
    format_trace_id,
    get_current_span,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from seglam.telemetry import names
from seglam.telemetry.state import Active, active


class SpanReference(NamedTuple):
    """A span as it is kept with a revision: 32 and 16 hexadecimal digits."""

    trace_id: str
    span_id: str


class _Off(AbstractContextManager[Span]):
    def __enter__(self) -> Span:
        return INVALID_SPAN

    def __exit__(self, *_: object) -> None:
        return None


_OFF = _Off()


def request(
    tenant: str, *, text: str | None = None, headers: Mapping[str, str] | None = None
) -> AbstractContextManager[Span]:
    """One request. `headers` may carry the caller's trace (W3C `traceparent`), which then goes on."""
    on = active()
    if on is None:
        return _OFF
    attributes: dict[str, AttributeValue] = {names.TENANT: tenant}
    if on.values and text is not None:
        attributes[names.REQUEST_TEXT] = text
    parent = TraceContextTextMapPropagator().extract(headers) if headers else None
    return _started(on, names.SPAN_REQUEST, context=parent, kind=SpanKind.SERVER, attributes=attributes)


def served(method: str, headers: Mapping[str, str]) -> AbstractContextManager[Span]:
    """One request to the registry: a trace of its own, since callers are strangers, that links to theirs."""
    on = active()
    if on is None:
        return _OFF
    caller = get_current_span(TraceContextTextMapPropagator().extract(headers)).get_span_context()
    links = [Link(caller, {names.LINK: "caller"})] if caller.is_valid else []
    return _started(
        on,
        names.SPAN_REGISTRY,
        context=Context(),
        kind=SpanKind.SERVER,
        attributes={names.HTTP_METHOD: method},
        links=links,
    )


def lookup() -> AbstractContextManager[Span]:
    """The decision whether a request is a hit."""
    return _span(names.SPAN_LOOKUP)


def execution(
    procedure: str,
    digest: str,
    arguments: Mapping[str, str],
    *,
    compiled: SpanReference | None = None,
    reviewed: SpanReference | None = None,
) -> AbstractContextManager[Span]:
    """One run of a revision. It links to the spans in which the revision was compiled and reviewed."""
    on = active()
    if on is None:
        return _OFF
    attributes: dict[str, AttributeValue] = {
        names.OPERATION: "execute_tool",
        names.TOOL_NAME: procedure,
        names.TOOL_TYPE: "function",
        names.PROCEDURE: procedure,
        names.REVISION: digest,
    }
    if on.values:
        attributes[names.TOOL_ARGUMENTS] = json.dumps(dict(arguments), ensure_ascii=False)
    origins = (("compilation", compiled), ("review", reviewed))
    links = [Link(_context(known), {names.LINK: what}) for what, known in origins if known is not None]
    return _started(on, f"{names.SPAN_EXECUTION} {procedure}", attributes=attributes, links=links)


def compilation(identity: str, fingerprint: str) -> AbstractContextManager[Span]:
    """One compilation, from a miss to a proposal or the reason why there is none."""
    return _span(names.SPAN_COMPILE, {names.COMPILATION: identity, names.FINGERPRINT: fingerprint})


def chat(model: str, role: str, purpose: str) -> AbstractContextManager[Span]:
    """One call of a model."""
    on = active()
    if on is None:
        return _OFF
    attributes = {names.OPERATION: "chat", names.REQUEST_MODEL: model, names.ROLE: role, names.PURPOSE: purpose}
    return _started(on, f"{names.SPAN_CHAT} {model}", kind=SpanKind.CLIENT, attributes=attributes)


def gate(name: str) -> AbstractContextManager[Span]:
    """One gate of a compilation."""
    on = active()
    if on is None:
        return _OFF
    return _started(on, f"{names.SPAN_GATE} {name}", attributes={names.GATE: name})


def review(
    procedure: str, digest: str, reviewer: str, decision: str, *, compiled: SpanReference | None = None
) -> AbstractContextManager[Span]:
    """One decision of a reviewer; links to the compilation of the revision."""
    on = active()
    if on is None:
        return _OFF
    attributes = {
        names.PROCEDURE: procedure,
        names.REVISION: digest,
        names.REVIEWER: reviewer,
        names.DECISION: decision,
    }
    links = [] if compiled is None else [Link(_context(compiled), {names.LINK: "compilation"})]
    return _started(on, names.SPAN_REVIEW, attributes=attributes, links=links)


def reference(span: Span) -> SpanReference | None:
    """Where a span can be found again; None if it records nothing."""
    context = span.get_span_context()
    if not context.is_valid:
        return None
    return SpanReference(format_trace_id(context.trace_id), format_span_id(context.span_id))


def failed(span: Span, kind: str, message: str) -> None:
    """Mark a span as failed. `kind` is a short stable word; `message` must not hold what users sent."""
    span.set_attribute(names.ERROR_TYPE, kind)
    span.set_status(Status(StatusCode.ERROR, message))


def values_allowed() -> bool:
    """Whether attributes may hold what users sent."""
    on = active()
    return on is not None and on.values


@contextmanager
def _started(
    on: Active,
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    context: Context | None = None,
    attributes: Mapping[str, AttributeValue] | None = None,
    links: Sequence[Link] = (),
) -> Iterator[Span]:
    """A current span. An error that leaves it is told by its type alone: its message may hold what users sent."""
    with on.tracer.start_as_current_span(
        name,
        kind=kind,
        context=context,
        attributes=attributes,
        links=links,
        record_exception=on.values,
        set_status_on_exception=False,
    ) as span:
        try:
            yield span
        except Exception as error:
            failed(span, type(error).__name__.lstrip("_"), str(error) if on.values else "")
            raise


def _span(name: str, attributes: Mapping[str, AttributeValue] | None = None) -> AbstractContextManager[Span]:
    on = active()
    return _OFF if on is None else _started(on, name, attributes=attributes)


def _context(known: SpanReference) -> SpanContext:
    return SpanContext(int(known.trace_id, 16), int(known.span_id, 16), is_remote=True, trace_flags=TraceFlags(1))


def trace_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The trace headers among those of an HTTP request; empty while telemetry is off."""
    if active() is None:
        return {}
    wanted = (b"traceparent", b"tracestate")
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in headers if name in wanted}
