"""The spans of the loop.

    seglam.request -> seglam.lookup
                   -> execute_tool {procedure}     links to compilation, review and import of its revision
                   -> seglam.compile -> chat {model}
                                     -> seglam.gate {gate}
    seglam.review      links to the compilation
    seglam.import      links to the compilations of the pack's procedures, by the trace ids that are signed
    seglam.verify  -> seglam.gate {gate}           in a cluster, by the operator; links to the compilation
    seglam.activate    in a cluster, by the operator; links to compilation and verification

Each function returns a context manager that yields the span. While telemetry is off, or the request is not recorded, it
yields one that records nothing, always the same, and no name or attribute is made.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple

from opentelemetry.context import Context, attach, detach
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

    @property
    def traceparent(self) -> str:
        """As W3C Trace Context writes it, for a span that was recorded."""
        return f"00-{self.trace_id}-{self.span_id}-01"

    @classmethod
    def parse(cls, traceparent: str | None) -> SpanReference | None:
        """The span that a `traceparent` names; None for one that is absent or not valid."""
        found = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
        if found is None or found[1] == "ff" or not int(found[2], 16) or not int(found[3], 16):
            return None
        return cls(found[2], found[3])


_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_PROPAGATOR = TraceContextTextMapPropagator()


class _Off(AbstractContextManager[Span]):
    def __enter__(self) -> Span:
        return INVALID_SPAN

    def __exit__(self, *_: object) -> None:
        return None


_OFF = _Off()


def request(
    tenant: str, *, text: str | None = None, headers: Mapping[str, str] | None = None
) -> AbstractContextManager[Span]:
    """One request. `headers` may carry the caller's trace (W3C `traceparent`), which then goes on.

    Without one the request is recorded with the probability that the sampler's variables state.
    """
    on = active()
    if on is None:
        return _OFF
    if not headers and not on.draw.taken() and not get_current_span().get_span_context().is_valid:
        return _OFF
    attributes = request_attributes(on, tenant, text)
    parent = _PROPAGATOR.extract(headers) if headers else None
    return _started(on, names.SPAN_REQUEST, context=parent, kind=SpanKind.SERVER, attributes=attributes)


def request_attributes(on: Active, tenant: str, text: str | None) -> dict[str, AttributeValue]:
    """What is said of a request at its beginning."""
    attributes: dict[str, AttributeValue] = {names.TENANT: tenant}
    if on.values and text is not None:
        attributes[names.REQUEST_TEXT] = text
    return attributes


def due() -> bool:
    """Whether the next request is to be recorded. Who answers one without `request` says so by `metrics.count_hit`."""
    on = active()
    return on is not None and on.draw.due


def served(method: str, headers: Mapping[str, str]) -> AbstractContextManager[Span]:
    """One request to the registry: a trace of its own, since callers are strangers, that links to theirs."""
    on = active()
    if on is None:
        return _OFF
    caller = get_current_span(_PROPAGATOR.extract(headers)).get_span_context()
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
    on = _recording()
    return _OFF if on is None else _started(on, names.SPAN_LOOKUP)


def execution(
    procedure: str,
    digest: str,
    arguments: Mapping[str, str],
    *,
    compiled: SpanReference | None = None,
    reviewed: SpanReference | None = None,
    imported: SpanReference | None = None,
) -> AbstractContextManager[Span]:
    """One run of a revision. It links to the spans in which the revision was compiled, reviewed and imported."""
    on = _recording()
    if on is None:
        return _OFF
    attributes = execution_attributes(on, procedure, digest, arguments)
    links = execution_links(compiled, reviewed, imported)
    return _started(on, f"{names.SPAN_EXECUTION} {procedure}", attributes=attributes, links=links)


def execution_attributes(
    on: Active, procedure: str, digest: str, arguments: Mapping[str, str]
) -> dict[str, AttributeValue]:
    """What is said of a run at its beginning."""
    attributes: dict[str, AttributeValue] = {
        names.OPERATION: "execute_tool",
        names.TOOL_NAME: procedure,
        names.TOOL_TYPE: "function",
        names.PROCEDURE: procedure,
        names.REVISION: digest,
    }
    if on.values:
        attributes[names.TOOL_ARGUMENTS] = json.dumps(dict(arguments), ensure_ascii=False)
    return attributes


def execution_links(
    compiled: SpanReference | None, reviewed: SpanReference | None, imported: SpanReference | None
) -> list[Link]:
    """From a run to the spans in which its revision was compiled, reviewed and imported."""
    return _links(compilation=compiled, review=reviewed, **{"import": imported})


def compilation(identity: str, fingerprint: str) -> AbstractContextManager[Span]:
    """One compilation, from a miss to a proposal or the reason why there is none."""
    on = active()
    if on is None:
        return _OFF
    return _started(on, names.SPAN_COMPILE, attributes={names.COMPILATION: identity, names.FINGERPRINT: fingerprint})


def chat(model: str, role: str, purpose: str) -> AbstractContextManager[Span]:
    """One call of a model."""
    on = _recording()
    if on is None:
        return _OFF
    attributes = {names.OPERATION: "chat", names.REQUEST_MODEL: model, names.ROLE: role, names.PURPOSE: purpose}
    return _started(on, f"{names.SPAN_CHAT} {model}", kind=SpanKind.CLIENT, attributes=attributes)


def gate(name: str) -> AbstractContextManager[Span]:
    """One gate of a compilation or a verification."""
    on = _recording()
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
    return _started(on, names.SPAN_REVIEW, attributes=attributes, links=_links(compilation=compiled))


def importing(
    release: str, digest: str, importer: str, policy: str, compiled: Iterable[str] = ()
) -> AbstractContextManager[Span]:
    """One import of a pack. `compiled` are the trace ids that its signed provenance states."""
    on = active()
    if on is None:
        return _OFF
    attributes = {names.RELEASE: release, names.PACK: digest, names.IMPORTER: importer, names.POLICY: policy}
    # Provenance states no span; the link names the trace by a span id that is its own first half.
    links = [
        Link(_context(SpanReference(trace, trace[:16])), {names.LINK: "compilation"})
        for trace in sorted(set(compiled))
        if SpanReference.parse(f"00-{trace}-{trace[:16]}-01") is not None
    ]
    return _started(on, names.SPAN_IMPORT, attributes=attributes, links=links)


def verification(
    procedure: str, digest: str, tenant: str, *, compiled: SpanReference | None = None
) -> AbstractContextManager[Span]:
    """One verification of a revision by the operator."""
    on = active()
    if on is None:
        return _OFF
    attributes = {names.PROCEDURE: procedure, names.REVISION: digest, names.TENANT: tenant}
    return _started(on, names.SPAN_VERIFY, attributes=attributes, links=_links(compilation=compiled))


def activation(
    procedure: str,
    digest: str,
    tenant: str,
    reviewers: Sequence[str] = (),
    *,
    compiled: SpanReference | None = None,
) -> AbstractContextManager[Span]:
    """One revision begins to be served, since these reviewers approved it."""
    on = active()
    if on is None:
        return _OFF
    attributes: dict[str, AttributeValue] = {
        names.PROCEDURE: procedure, names.REVISION: digest, names.TENANT: tenant, names.REVIEWER: tuple(reviewers)
    }  # fmt: skip
    return _started(on, names.SPAN_ACTIVATE, attributes=attributes, links=_links(compilation=compiled))


@contextmanager
def under(traceparent: str | None) -> Iterator[None]:
    """What is recorded meanwhile belongs to the trace that a `traceparent` names, if it names one."""
    found = SpanReference.parse(traceparent)
    if found is None or active() is None:
        yield
        return
    token = attach(_PROPAGATOR.extract({"traceparent": traceparent or ""}))
    try:
        yield
    finally:
        detach(token)


def carrier() -> dict[str, str]:
    """The W3C headers of the current span, for a call to another service; empty where nothing is recorded."""
    if active() is None:
        return {}
    made: dict[str, str] = {}
    _PROPAGATOR.inject(made)
    return made


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


def recording() -> bool:
    """Whether the current span is recorded."""
    return _recording() is not None


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


def _recording() -> Active | None:
    """What is recorded with, inside of a span that is recorded; None elsewhere."""
    on = active()
    return on if on is not None and get_current_span().is_recording() else None


def _links(**spans: SpanReference | None) -> list[Link]:
    return [Link(_context(known), {names.LINK: what}) for what, known in spans.items() if known is not None]


def _context(known: SpanReference) -> SpanContext:
    return SpanContext(int(known.trace_id, 16), int(known.span_id, 16), is_remote=True, trace_flags=TraceFlags(1))


def trace_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The trace headers among those of an HTTP request; empty while telemetry is off."""
    if active() is None:
        return {}
    wanted = (b"traceparent", b"tracestate")
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in headers if name in wanted}
