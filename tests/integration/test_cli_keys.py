"""`seglam keys`, `seglam procedures promote` and the periods of `seglam savings`, on a store and on a server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from seglam.cli.app import app
from seglam.cli.exits import CliError
from seglam.gateway import Settings, SettingsInvalid
from seglam.gateway.store import State, Store, authors_of
from tests.documents import document
from tests.services import listening, running


def call(*arguments: str | Path) -> list[dict[str, object]]:
    done = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    assert done.exit_code == 0, (done.output, done.exception)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def test_keys_in_the_store_are_a_servers_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data"
    (made,) = call("keys", "create", "--owner", "eve", "--scope", "admin", "--scope", "read", "--data-dir", data)
    (other,) = call("keys", "create", "--owner", "bob", "--tenant", "team-b", "--days", "2", "--data-dir", data)
    assert [each["owner"] for each in call("keys", "list", "--tenant", "team-b", "--data-dir", data)] == ["bob"]
    assert all("key" not in each for each in call("keys", "list", "--data-dir", data))
    assert call("keys", "revoke", str(other["id"]), "--data-dir", data)[0]["revoked"]
    with running(tmp_path, documents=[document()], access="required") as service, listening(service) as client:
        url = str(client.base_url)
        with pytest.raises(CliError, match="API key"):
            CliRunner().invoke(app, ["keys", "list", "--server", url], catch_exceptions=False)
        monkeypatch.setenv("SEGLAM_API_KEY", str(made["key"]))
        (new,) = call("keys", "create", "--owner", "ci", "--scope", "ask", "--concurrent", "3", "--server", url)
        assert (new["tenant"], new["limits"]) == ("default", {"concurrent": 3})
        assert {each["owner"] for each in call("keys", "list", "--server", url)} == {"eve", "ci"}
        assert call("keys", "revoke", str(new["id"]), "--server", url)[0]["revoked"]
        (found,) = call("savings", "--since", "2026-01-01", "--server", url)
        assert found["since"] is None


def test_promotion_and_savings_of_a_tenant_in_the_store(tmp_path: Path) -> None:
    store = Store(tmp_path / "seglam.sqlite3")
    store.place("double.yaml", document())
    store.of("team-b").counters.add({"hits": 3}, "double")
    store.close()
    (promoted,) = call("procedures", "promote", "double", "--to", "team-b", "--as", "zoe", "--data-dir", tmp_path)
    store = Store(tmp_path / "seglam.sqlite3")
    (row,) = store.of("team-b").revisions(State.PROPOSED)
    assert (row.digest, row.promoted_from, row.origin) == (promoted["digest"], "default", "file")
    assert authors_of(row) == ["file:double.yaml", "zoe"]
    store.close()
    (found,) = call("savings", "--tenant", "team-b", "--data-dir", tmp_path)
    assert found["procedures"][0]["hits"] == 3  # type: ignore[index]
    (found,) = call("savings", "--tenant", "team-b", "--until", "2020-01-01", "--data-dir", tmp_path)
    assert found["procedures"] == []


@pytest.mark.parametrize(
    ("host", "access", "required"),
    [("127.0.0.1", None, False), ("::1", "open", False), ("localhost", "required", True), ("0.0.0.0", None, True)],
)
def test_access_is_open_on_loopback_only(tmp_path: Path, host: str, access: str | None, required: bool) -> None:
    assert Settings(tmp_path, host=host, access=access).access_required is required


def test_other_machines_are_not_let_in_unasked(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="SEGLAM_ACCESS is open"):
        assert Settings(tmp_path, host="0.0.0.0", access="open").access_required
