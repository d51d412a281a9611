from __future__ import annotations

import io

import pytest
from rich.console import Console

from seglam.cli import report, tables
from seglam.cli.report import Calls, Record, Verdict


def printed(table: object) -> str:
    stream = io.StringIO()
    Console(file=stream, width=128, color_system=None).print(table)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("share", "shown"), [(None, "-"), (0.0, "0.0 %"), (1.0, "100.0 %"), (0.99999, "99.9 %"), (0.5, "50.0 %")]
)
def test_only_everything_is_a_hundred_percent(share: float | None, shown: str) -> None:
    assert tables.percent(share) == shown


@pytest.mark.parametrize(
    ("share", "full"), [(None, 0), (0.0, 0), (0.001, 1), (0.5, 10), (0.999, 19), (1.0, 20)]
)  # fmt: skip
def test_a_bar_is_full_only_for_everything(share: float | None, full: int) -> None:
    assert tables.bar(share) == "#" * full + "." * (20 - full)


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "-"), (999.4, "999 us"), (1500, "1.5 ms"), (2_000_000, "2.00 s")]
)  # fmt: skip
def test_times_have_the_unit_that_fits(value: float | None, shown: str) -> None:
    assert tables.micros(value) == shown


def test_tables_show_every_figure() -> None:
    declined = Record("caesar_cipher", False, "not-compilable", Verdict.NONE, 9, 0, Calls(author=1), must_miss=True)
    records = [Record("fraction_simplification", True, None, Verdict.RIGHT, 10, 90)] * 9 + [declined]
    found = report.summary(records, 2, by_family=True)
    curve = printed(tables.curve(found["slices"], found["latency_us"]["hit_p50_by_slice"], 2e6))
    row = next(line for line in curve.splitlines() if line.startswith(" 6-10"))
    assert row.split() == ["6-10", "4", "80.0", "%", "#" * 16 + "....", "1", "0", "0", "100", "us", "2.00", "s"]
    families = printed(tables.families(found["families"]))
    row = next(line for line in families.splitlines() if "caesar" in line)
    assert row.split() == ["caesar_cipher", "1", "1", "0", "-", "1", "-", "-", "-", "0", "not", "compilable"]
    assert "fraction_simplification" in families


def test_texts_cannot_steer_the_terminal() -> None:
    made = tables.rows(tables.table("a"), [("\x1b[31mred [bold]x[/bold]",)])
    assert "\\x1b[31mred" in printed(made)
