"""Settings from the environment, each fault named."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from seglam.gateway import Settings, SettingsInvalid


@pytest.mark.parametrize(
    ("environ", "directory"),
    [
        ({"SEGLAM_DATA_DIR": "/data/own"}, "/data/own"),
        ({"SEGLAM_DATA_DIR": "~/own"}, "~/own"),
        ({"XDG_DATA_HOME": "/data/share"}, "/data/share/seglam"),
        ({"XDG_DATA_HOME": "relative"}, "~/.local/share/seglam"),
        ({}, "~/.local/share/seglam"),
    ],
)
def test_where_the_data_is(environ: dict[str, str], directory: str) -> None:
    settings = Settings.from_environ(environ)
    assert settings.data_dir == Path(directory).expanduser()
    assert settings.store_path.parent == settings.data_dir


def test_everything_that_the_environment_may_say(tmp_path: Path) -> None:
    choices = tmp_path / "choices"
    choices.write_text("Korea means South Korea\n\nCongo means the Republic of the Congo\n")
    settings = Settings.from_environ(
        {
            "SEGLAM_PROCEDURES": "/a:/b:",
            "SEGLAM_RECORDINGS": "/r",
            "SEGLAM_STRICT": "1",
            "SEGLAM_DAILY_TOKENS": "1000",
            "SEGLAM_COMPILE_TOKENS": "2000",
            "SEGLAM_COMPILE_SECONDS": "30",
            "SEGLAM_CHOICES": str(choices),
            "SEGLAM_PRICE_INPUT": "1.25",
            "SEGLAM_PORT": "9000",
        }
    )
    assert settings.procedures == (Path("/a"), Path("/b"))
    assert settings.recordings == Path("/r")
    assert settings.strict is True
    assert (settings.daily_tokens, settings.compile_tokens, settings.compile_seconds) == (1000, 2000, 30)
    assert settings.choices == ("Korea means South Korea", "Congo means the Republic of the Congo")
    assert (settings.prices.input_million, settings.prices.assumed) == (Decimal("1.25"), False)
    assert (settings.host, settings.port) == ("127.0.0.1", 9000)


def test_nothing_said_is_loopback_and_assumed_prices() -> None:
    settings = Settings.from_environ({})
    assert settings.host == "127.0.0.1"
    assert settings.prices.assumed is True
    assert (settings.strict, settings.auto_approve, settings.daily_tokens) == (False, None, None)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("SEGLAM_CHOICES", "/no/such/file"),
        ("SEGLAM_PORT", "http"),
        ("SEGLAM_PORT", "65536"),
        ("SEGLAM_PORT", "-1"),
        ("SEGLAM_STRICT", "yes"),
        ("SEGLAM_DAILY_TOKENS", "0"),
        ("SEGLAM_DAILY_TOKENS", "1e6"),
        ("SEGLAM_COMPILE_SECONDS", "٣"),
        ("SEGLAM_PRICE_INPUT", "cheap"),
        ("SEGLAM_PRICE_INPUT", "-1"),
        ("SEGLAM_PRICE_OUTPUT", "NaN"),
    ],
)
def test_what_cannot_be_used_is_named(name: str, text: str) -> None:
    with pytest.raises(SettingsInvalid, match=name):
        Settings.from_environ({name: text})
