"""What a benchmark found: measures beside their floor and their aim, as a table and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure. `ratio` is how many times the floor `of` it is, `aim` what it should not exceed, in its own unit."""

    name: str
    value: float
    unit: str
    ratio: float | None = None
    of: str | None = None
    aim: float | None = None


@dataclass(slots=True)
class Report:
    """The measures of one subject. `noise` is how far the rounds of a fixed loop lay apart, as a share."""

    name: str
    measures: list[Measure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    noise: float = 0.0

    def add(
        self,
        name: str,
        value: float,
        unit: str,
        ratio: float | None = None,
        of: str | None = None,
        aim: float | None = None,
    ) -> None:
        """Add a figure."""
        self.measures.append(Measure(name, value, unit, ratio, of, aim))

    def table(self) -> str:
        """The figures for a person, with the notes below."""
        rows = [("measure", "value", "unit", "ratio", "of", "aim")]
        rows += [(m.name, shown(m.value), m.unit, shown(m.ratio), m.of or "", _judged(m)) for m in self.measures]
        widths = [max(len(row[column]) for row in rows) for column in range(6)]
        lines = [
            "  ".join(
                cell.rjust(width) if column in (1, 3) else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        lines.insert(1, "-" * max(map(len, lines)))
        notes = [*self.notes, f"Medians over rounds; a fixed loop varied by {self.noise:.0%} between them."]
        return "\n".join([f"{self.name}:", *lines, *notes, ""])

    def as_json(self, circumstances: dict[str, object]) -> str:
        """The figures and how they came about."""
        record = {"benchmark": self.name, **circumstances, "noise": round(self.noise, 3), "notes": self.notes}
        measures = [
            {
                key: round(value, 4) if isinstance(value, float) else value
                for key, value in asdict(m).items()
                if value is not None
            }
            for m in self.measures
        ]
        return json.dumps({**record, "measures": measures}, indent=2) + "\n"

    def write(self, circumstances: dict[str, object], directory: Path = RESULTS) -> Path:
        """Keep the result as `<name>.json`, whole or not at all."""
        path = directory / f"{self.name}.json"
        write(self.as_json(circumstances), path)
        return path


def write(text: str, path: Path) -> None:
    """Keep a result, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def shown(value: float | None) -> str:
    """Three significant digits, without an exponent."""
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _judged(measure: Measure) -> str:
    if measure.aim is None:
        return ""
    return f"{shown(measure.aim)} {'reached' if measure.value <= measure.aim else 'missed'}"
