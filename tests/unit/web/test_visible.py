"""What a page shows of text that somebody else wrote."""

from __future__ import annotations

import html
import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as some

from seglam.web.pages.visible import LONGEST, fitting, is_full, one_page, visible


def test_script_is_text() -> None:
    assert visible("<script>alert(1)</script>") == "&lt;script&gt;alert(1)&lt;/script&gt;"
    assert visible('" onmouseover="x') == "&#34; onmouseover=&#34;x"


def test_what_cannot_be_seen_is_shown() -> None:
    for hidden in ("\u202e", "\u200b", "\ufeff", "\u00ad", "\x00", "\x1b", "\u2066", "\U000e0041", "\u3164", "\u00a0"):
        shown = visible(f"a{hidden}b")
        assert hidden not in shown
        assert f"U+{ord(hidden):04X}" in shown
    assert visible("a\u202eb").count("right-to-left override") == 1


def test_what_people_write_stays() -> None:
    for text in ("¿Cuál es la capital de España?", "Größe: 5 µm²", "大韓民国", "שלום", "a\nb\tc", "👍"):
        assert html.unescape(visible(text)) == text


def test_long_text_is_cut_and_says_so() -> None:
    shown = visible("x" * (LONGEST + 1_234_567))
    assert shown.startswith("x" * LONGEST + "<span")
    assert "1,234,567 more characters" in shown
    assert len(shown) < LONGEST + 100


@given(some.text(max_size=200))
def test_nothing_but_our_own_elements_comes_out(text: str) -> None:
    shown = str(visible(text))
    plain = re.sub(r'<span class="hidden-character" title="[^"<>]*">U\+[0-9A-F]{4,6}( ×\d+)?</span>', "", shown)
    assert "<" not in plain
    assert ">" not in plain
    assert '"' not in plain
    assert not {unicodedata.category(each) for each in plain} & {"Cf", "Cs", "Co", "Zl", "Zp"}


def test_a_page_that_is_full_says_so_and_grows_no_further() -> None:
    with one_page(1_000):
        assert visible("x" * 900, 5_000) == "x" * 900
        assert not is_full()
        shown = visible('"' * 900, 5_000)
        assert "more characters" in shown and len(shown) < 200
        assert list(fitting(range(100))) == []
        assert is_full()
        assert visible("anything") == "…"
    assert visible('"' * 900, 5_000) == "&#34;" * 900


def test_long_code_is_whole_where_there_is_room() -> None:
    code = '    # "quoted" & <escaped>\n' * 2_000
    with one_page():
        assert html.unescape(visible(code, 70_000)) == code
