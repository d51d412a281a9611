"""What the environment says, and what it must not."""

from __future__ import annotations

from pathlib import Path

import pytest

from seglam.registry.settings import Settings, SettingsInvalid


def test_nothing_is_needed(tmp_path: Path) -> None:
    settings = Settings.from_environ({"XDG_DATA_HOME": str(tmp_path)})
    assert settings.data == tmp_path / "seglam" / "registry"
    assert settings.database_url == f"sqlite:///{settings.data}/registry.sqlite3"
    assert (settings.origin, settings.signing, settings.local, settings.rate_limits) == (
        "localhost",
        "key",
        False,
        True,
    )
    assert settings.url == "http://127.0.0.1:8480"


def test_all_that_is_given_is_taken(tmp_path: Path) -> None:
    admins = tmp_path / "admins"
    admins.write_text("https://issuer.example bob@acme.example\n\n")
    settings = Settings.from_environ(
        {
            "SEGLAM_REGISTRY_DATABASE": "postgresql://somebody@host/name",
            "SEGLAM_REGISTRY_ORIGIN": "registry.acme.example",
            "SEGLAM_REGISTRY_PORT": "8080",
            "SEGLAM_REGISTRY_PUBLIC_URL": "https://registry.acme.example/",
            "SEGLAM_REGISTRY_ADMINS": "https://issuer.example alice@acme.example",
            "SEGLAM_REGISTRY_ADMINS_FILE": str(admins),
            "SEGLAM_REGISTRY_MIRROR_OF": "other.example=https://other.example/, third.example=http://10.0.0.1:8080",
            "SEGLAM_REGISTRY_CLAIMS": "admins",
            "SEGLAM_REGISTRY_LEASE_SECONDS": "5",
        }
    )
    assert settings.url == "https://registry.acme.example"
    assert [subject for _, subject in settings.admins] == ["alice@acme.example", "bob@acme.example"]
    assert settings.mirror_of == {"other.example": "https://other.example", "third.example": "http://10.0.0.1:8080"}
    assert (settings.claims, settings.lease_s, settings.port) == ("admins", 5, 8080)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0x50"),
        ("PORT", "70000"),
        ("PORT", "\u0661"),
        ("ORIGIN", "Registry.Example"),
        ("ORIGIN", "registry.example:8080"),
        ("SIGNING", "none"),
        ("SIGNING", "keyless"),
        ("CLAIMS", "anyone"),
        ("WORKERS", "0"),
        ("TOKEN_SECONDS", "901"),
        ("LOCAL", "yes"),
        ("MIRROR_OF", "other.example"),
        ("MIRROR_OF", "other.example=ftp://other.example"),
        ("MIRROR_OF", "other.example=https://other.example#sha256:12"),
        ("LOG_AUDIT_SECONDS", "-1"),
        ("REPLICAS", "0"),
        ("ADMINS", "alice"),
        ("ADMINS_FILE", "/nonexistent/admins"),
    ],
)
def test_what_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsInvalid, match=f"SEGLAM_REGISTRY_{name}"):
        Settings.from_environ({f"SEGLAM_REGISTRY_{name}": value})


def test_the_embedded_registry_believes_this_machine(tmp_path: Path) -> None:
    settings = Settings.embedded(tmp_path, port=0)
    assert (settings.local, settings.cooldown_s, settings.data, settings.port) == (True, 0, tmp_path, 0)
