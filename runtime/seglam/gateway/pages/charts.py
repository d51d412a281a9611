"""Charts as SVG, drawn on the server. The numbers stand beside each chart as a table."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

import pygal
from pygal.style import Style

from seglam.gateway.answers.curve import Slice


def _style(paper: str, ink: str, faint: str, *lines: str) -> Style:
    return Style(
        background=paper,
        plot_background=paper,
        foreground=ink,
        foreground_strong=ink,
        foreground_subtle=faint,
        colors=lines,
        font_family="sans-serif",
        opacity=".9",
    )


# The colours of the style sheet, which a picture does not see.
_LIGHT = _style("#ffffff", "#1b1f24", "#57606a", "#0550ae", "#a40e26")
_DARK = _style("#0d1117", "#e6edf3", "#9ea7b3", "#79b8ff", "#ff9492")


def curve(slices: Sequence[Slice], *, dark: bool = False) -> bytes:
    """The share of requests that hit, and the compilations that the others led to, slice by slice."""
    chart = pygal.Line(
        style=_DARK if dark else _LIGHT,
        js=(),
        width=900,
        height=360,
        margin_bottom=0,
        stroke_style={"width": 2},
        range=(0, 100),
        secondary_range=(0, max([1, *(each.compilations for each in slices)])),
        x_labels=[str(number) for number in range(1, len(slices) + 1)],
        x_title="requests, from the oldest to the newest",
        legend_at_bottom=True,
        show_minor_x_labels=True,
        explicit_size=True,
        disable_xml_declaration=True,
        no_data_text="no request has been answered yet",
        value_formatter=lambda value: f"{value:g}",
    )
    chart.add("hits, per cent", [round(100 * each.rate, 1) for each in slices])
    chart.add("compilations (scale on the right)", [each.compilations for each in slices], secondary=True)
    drawn = chart.render_tree()
    for part in list(drawn.iter()):
        for script in [each for each in part if str(each.tag).endswith("script")]:
            part.remove(script)  # it would show the numbers under the pointer; they are in the table
    written: bytes = ElementTree.tostring(drawn)
    return written
