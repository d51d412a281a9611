"""Names of spans, attributes and metrics, in one place.

`gen_ai.*`, `error.type` and `service.name` are those of the OpenTelemetry semantic conventions in the version below;
the generative AI part of it is still in development, so a newer version may rename them. `seglam.*` are our own.
"""

from __future__ import annotations

SEMCONV_VERSION = "1.44.0"
SCHEMA_URL = f"https://opentelemetry.io/schemas/{SEMCONV_VERSION}"

# Spans. Execution, chat and gate spans end in the name of what they run.
SPAN_REQUEST = "seglam.request"
SPAN_LOOKUP = "seglam.lookup"
SPAN_EXECUTION = "execute_tool"
SPAN_COMPILE = "seglam.compile"
SPAN_CHAT = "chat"
SPAN_GATE = "seglam.gate"
SPAN_REVIEW = "seglam.review"
SPAN_REGISTRY = "seglam.registry"
SPAN_IMPORT = "seglam.import"
SPAN_VERIFY = "seglam.verify"
SPAN_ACTIVATE = "seglam.activate"
RARE = frozenset({SPAN_COMPILE, SPAN_REVIEW, SPAN_IMPORT, SPAN_VERIFY, SPAN_ACTIVATE})
"""Spans that provenance refers to. They are always recorded, whatever share of the requests is."""

# Attributes of the conventions.
ERROR_TYPE = "error.type"
HTTP_METHOD = "http.request.method"
HTTP_ROUTE = "http.route"
HTTP_STATUS = "http.response.status_code"
OPERATION = "gen_ai.operation.name"
REQUEST_MODEL = "gen_ai.request.model"
RESPONSE_MODEL = "gen_ai.response.model"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
TOKEN_TYPE = "gen_ai.token.type"
TOOL_NAME = "gen_ai.tool.name"
TOOL_TYPE = "gen_ai.tool.type"
TOOL_ARGUMENTS = "gen_ai.tool.call.arguments"  # what users sent: opt-in
TOOL_RESULT = "gen_ai.tool.call.result"  # what users sent: opt-in

# Attributes of our own.
TENANT = "seglam.tenant"
REQUEST_ID = "seglam.request.id"
REQUEST_TEXT = "seglam.request.text"  # what users sent: opt-in
OUTCOME = "seglam.outcome"
REASON = "seglam.reason"
PROCEDURE = "seglam.procedure.name"
REVISION = "seglam.revision.digest"
ENGINE = "seglam.engine.digest"
SANDBOX_MODE = "seglam.sandbox.mode"
FUEL = "seglam.sandbox.fuel"
COMPILATION = "seglam.compilation.id"
COMPILATION_OUTCOME = "seglam.compilation.outcome"
FINGERPRINT = "seglam.request.fingerprint"
ROLE = "seglam.model.role"
PURPOSE = "seglam.model.purpose"
RECORDED = "seglam.model.recorded"
GATE = "seglam.gate.name"
REVIEWER = "seglam.review.reviewer"
DECISION = "seglam.review.decision"
LINK = "seglam.link"  # on a link: compilation, review, import or caller
RELEASE = "artifact.purl"
PACK = "artifact.hash"
STATEMENT = "artifact.attestation.hash"
IMPORTER = "seglam.import.importer"
POLICY = "seglam.import.policy"
PASSED = "seglam.verification.passed"
OVERFLOW = "otel.metric.overflow"

# Metrics.
REQUESTS = "seglam.requests"
HITS = "seglam.hits"
REQUEST_DURATION = "seglam.request.duration"
LOOKUP_DURATION = "seglam.lookup.duration"
EXECUTION_DURATION = "seglam.execution.duration"
MODEL_CALLS = "seglam.model.calls"
MODEL_DURATION = "gen_ai.client.operation.duration"
TOKENS = "gen_ai.client.token.usage"
COMPILATIONS = "seglam.compilations"
COMPILATION_DURATION = "seglam.compilation.duration"
CHECKS = "seglam.checks"
