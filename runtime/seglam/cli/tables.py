"""The figures of `report` as tables for a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from seglam.cli.output import visible
from seglam.cli.report import WINDOW

if TYPE_CHECKING:
    from rich.table import Table

BAR = 20
NOTHING = "-"


def table(*columns: str, title: str | None = None, left: int = 1) -> Table:
    """A plain table whose first `left` columns are texts and the others figures."""
    from rich import box
    from rich.table import Table

    made = Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0)
    )
    for number, name in enumerate(columns):
        made.add_column(name, justify="left" if number < left else "right", no_wrap=True, overflow="fold")
    return made


def rows(made: Table, lines: Iterable[Sequence[object]]) -> Table:
    """The table with these rows; texts with control characters made visible."""
    for line in lines:
        made.add_row(*(visible(str(cell)) for cell in line))
    return made


def percent(share: float | None) -> str:
    """A share as a percentage; one that is not quite 100 % never shows as such."""
    if share is None:
        return NOTHING
    shown = f"{share * 100:.1f} %"
    return "99.9 %" if shown == "100.0 %" and share < 1 else shown


def micros(value: float | None) -> str:
    """A time in microseconds, in the unit that fits."""
    if value is None:
        return NOTHING
    if value < 1000:
        return f"{value:.0f} us"
    return f"{value / 1000:.1f} ms" if value < 1_000_000 else f"{value / 1_000_000:.2f} s"


def bar(share: float | None, width: int = BAR) -> str:
    """A share as a bar of `width` characters; only a whole one is full, and only nothing is empty."""
    full = min(max(int(share * width), 1), width) if share else 0
    return "#" * full + "." * (width - full)


def curve(slices: Sequence[Mapping[str, Any]], p50: Sequence[float | None], model_us: float | None = None) -> Table:
    """The curve: a row for each slice; with `model_us` also the time that a model call takes."""
    columns = ["requests", "hits", "hit rate", "", "model calls", "verifier", "wrong", "p50 of hits"]
    made = table(*columns, *(["model call"] if model_us is not None else []), title="Hit rate over time")
    made.columns[3].justify = "left"
    return rows(
        made,
        (
            (
                f"{part['from']}-{part['to']}",
                part["hits"],
                percent(part["hit_rate"]),
                bar(part["hit_rate"]),
                part["model_calls"],
                part["verifier_calls"],
                part["wrong"],
                micros(time),
                *([micros(model_us)] if model_us is not None else []),
            )
            for part, time in zip(slices, p50, strict=True)
        ),
    )


def families(figures: Mapping[str, Mapping[str, Any]]) -> Table:
    """A row for each family.

    Calls are the author's and repairs; hit rates leave out requests that must miss.
    """
    start, end = WINDOW
    made = table(
        "family", "requests", "must miss", "hits", "hit rate", "calls", "after 1st", "after 4th", f"{start}-{end}",
        "wrong", "", title="By family",
    )  # fmt: skip
    made.columns[-1].justify = "left"
    return rows(made, ((name, *_family(each), _remark(each)) for name, each in figures.items()))


def _family(each: Mapping[str, Any]) -> tuple[object, ...]:
    start, end = WINDOW
    window = each[f"requests_{start}_to_{end}"]
    return (
        each["requests"],
        each["requests"] - each["answerable"],
        each["hits"],
        percent(each["answerable_hit_rate"]),
        each["model_calls"],
        _after(each["after_first_call"]),
        _after(each["after_fourth_call"]),
        NOTHING if window is None else percent(window["answerable_hit_rate"]),
        each["wrong"],
    )


def _after(figures: Mapping[str, Any] | None) -> str:
    return NOTHING if figures is None else percent(figures["answerable_hit_rate"])


def _remark(each: Mapping[str, Any]) -> str:
    declined = each["misses_by_reason"].get("not-compilable", 0)
    return "not compilable" if declined and not each["hits"] else ""


def counted(title: str, counts: Mapping[str, int], names: tuple[str, str]) -> Table:
    """Counts by name."""
    return rows(table(*names, title=title), counts.items())
