"""From a request to a binding."""

from seglam.lookup.fingerprint import fingerprint
from seglam.lookup.index import Index
from seglam.lookup.results import Binding, Hit, Miss, MissReason, Near

__all__ = ["Binding", "Hit", "Index", "Miss", "MissReason", "Near", "fingerprint"]
