"""The procedure document: model, value types, match patterns, canonical form."""

from seglam.procedures.canonical import canonical, digest
from seglam.procedures.document import ReasoningProcedure, Spec
from seglam.procedures.load import Loaded, Problem, dump, load_bytes, load_documents
from seglam.procedures.request import Attachment, Request, request_of
from seglam.procedures.revision import Revision
from seglam.procedures.text import Text, TextError
from seglam.procedures.validate import validate

__all__ = [
    "Attachment",
    "Loaded",
    "Problem",
    "ReasoningProcedure",
    "Request",
    "Revision",
    "Spec",
    "Text",
    "TextError",
    "canonical",
    "digest",
    "dump",
    "load_bytes",
    "load_documents",
    "request_of",
    "validate",
]
