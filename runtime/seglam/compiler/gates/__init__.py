"""The gates that a procedure must pass before it is proposed. Each decides over facts and returns its evidence."""

from seglam.compiler.gates.agreement import agreement
from seglam.compiler.gates.cases import cases
from seglam.compiler.gates.differential import differential, regression
from seglam.compiler.gates.examples import examples
from seglam.compiler.gates.match import agreed, match
from seglam.compiler.gates.static import static

__all__ = ["agreed", "agreement", "cases", "differential", "examples", "match", "regression", "static"]
