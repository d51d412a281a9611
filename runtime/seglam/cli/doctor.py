"""`seglam doctor`: what is there, what is missing, and what to do about it."""

from __future__ import annotations

import os
import platform
import socket
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

import typer

from seglam.cli.exits import CliError, Exit
from seglam.cli.opening import DataDir, Host, Port, Recordings, settings_of
from seglam.cli.output import Json, Output, visible

OK, NOTE, FAILED = "ok", "note", "failed"
STYLES = {OK: "green", NOTE: "yellow", FAILED: "red"}
REACH_S = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `note` is for what limits SEGLAM without stopping it."""

    name: str
    state: str
    message: str
    remedy: str = ""


def doctor(
    data_dir: DataDir = None,
    recordings: Recordings = None,
    host: Host = None,
    port: Port = None,
    as_json: Json = False,
) -> None:
    """Check what is there and what is missing.

    Python, engine, sandbox, store, model, recordings and port, each with a remedy. Exit code 0 if nothing failed, else
    3.

    \b
    Example:
      seglam doctor --json
    """
    output = Output(as_json)
    findings = []
    for finding in look(data_dir, recordings, host, port):
        findings.append(finding)
        remedy = f"; {finding.remedy}" if finding.remedy else ""
        output.say(
            f"{finding.state:<7} {finding.name:<11} {visible(finding.message + remedy)}", style=STYLES[finding.state]
        )
    output.json({"ok": all(f.state != FAILED for f in findings), "findings": [asdict(f) for f in findings]})
    raise typer.Exit(Exit.MISSING if any(f.state == FAILED for f in findings) else Exit.OK)


def look(data_dir: Path | None, recordings: Path | None, host: str | None, port: int | None) -> Iterator[Finding]:
    """All findings, in the order in which things are needed."""
    yield python()
    yield from engines()
    try:
        settings = settings_of(data_dir=data_dir, recordings=recordings, host=host, port=port)
    except CliError as error:
        yield Finding("settings", FAILED, error.message, error.remedy)
        return
    yield directory(settings.data_dir)
    yield store(settings.store_path)
    yield model("author", os.environ)
    yield model("verifier", os.environ)
    yield recorded(settings.recordings, os.environ)
    yield free(settings.host, settings.port)


def python() -> Finding:
    """The interpreter's version."""
    found = f"{platform.python_implementation()} {platform.python_version()} at {sys.executable}"
    return Finding("python", OK, found)


def engines() -> Iterator[Finding]:
    """Every build of the engine, and a run in the first."""
    from seglam.sandbox import Engine, EngineError, Mode, Program, Sandbox
    from seglam.sandbox.recipe import recipe

    first: Engine | None = None
    for build in recipe().builds:
        try:
            engine = Engine.load(build=build)
        except EngineError as error:
            what, _, remedy = str(error).rpartition("; ")
            yield Finding(f"engine {build}", FAILED, what, remedy)
            continue
        first = first or engine
        yield Finding(f"engine {build}", OK, f"Python {engine.python}, {engine.digest}")
    if first is None:
        yield Finding("sandbox", FAILED, "nothing can run without an engine", "run `make engine`")
        return
    with Sandbox(first) as sandbox:
        run = sandbox.run(Program("doctor", "def solve(a, b):\n    return a * b\n"), {"a": 12, "b": 7}, mode=Mode.FRESH)
    if run.ok and run.answer == 84:
        yield Finding("sandbox", OK, f"12 times 7 is 84, in {run.elapsed_us / 1000:.1f} ms")
    else:
        yield Finding("sandbox", FAILED, f"12 times 7 gave {run.answer!r} ({run.fault})", "run `make engine`")


def directory(path: Path) -> Finding:
    """The data directory, or the nearest one above it that is there, can be written, and is nobody else's."""
    if not path.exists():
        above = next(each for each in path.absolute().parents if each.exists())
        if not os.access(above, os.W_OK | os.X_OK):
            return Finding("data", FAILED, f"{path} cannot be made in {above}", "set SEGLAM_DATA_DIR")
        return Finding("data", OK, f"{path} will be made when it is needed")
    if not path.is_dir():
        return Finding("data", FAILED, f"{path} is no directory", "move it away or set SEGLAM_DATA_DIR")
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return Finding("data", FAILED, f"{path} cannot be read and written", "correct its permissions")
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        remedy = f"`chmod 700 {path}`"
        return Finding("data", NOTE, f"{path} is open to others (mode {mode:03o}); it holds what users asked", remedy)
    return Finding("data", OK, f"{path}, yours alone")


def store(path: Path) -> Finding:
    """The store's version and integrity, read only, also while a server uses it."""
    from seglam.gateway.store.tables import APPLICATION_ID, SCHEMA_VERSION

    if not path.exists():
        return Finding("store", OK, f"{path} will be made when it is needed")
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=2)
        try:
            owner, version = (
                connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
            )
            state = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        finally:
            connection.close()
    except sqlite3.Error as error:
        return Finding("store", FAILED, f"{path}: {error}", "move it away and start anew, or recover it with sqlite3")
    if owner != APPLICATION_ID:
        return Finding("store", FAILED, f"{path} is no SEGLAM store", "move it away")
    if version > SCHEMA_VERSION:
        what = f"{path} has schema version {version}, this release knows {SCHEMA_VERSION}"
        return Finding("store", FAILED, what, "use the newer release, or another SEGLAM_DATA_DIR")
    if state != "ok":
        return Finding("store", FAILED, f"{path} is damaged: {state}", f"save what is left: `sqlite3 {path} .recover`")
    return Finding("store", OK, f"{path}, schema version {version}, whole")


def model(role: str, environ: Mapping[str, str]) -> Finding:
    """Whether a model is set and its endpoint can be reached. The key is used, never shown."""
    from seglam.compiler import SettingsError, endpoint_of

    try:
        endpoint = endpoint_of(role, environ)
    except SettingsError as error:
        what, _, remedy = str(error).partition(": ")
        return Finding(role, FAILED, what, remedy)
    if endpoint is None:
        return Finding(role, NOTE, "no model is set: misses are compiled from recordings only", "set SEGLAM_MODEL")
    url = endpoint.base_url or "https://api.openai.com/v1"
    shown = f"{endpoint.model} at {_without_secrets(url)}"
    fault = _reach(url, endpoint.api_key)
    if fault is not None:
        return Finding(role, FAILED, f"{shown}: {fault}", "check OPENAI_BASE_URL, OPENAI_API_KEY and the network")
    return Finding(role, OK, f"{shown} answers")


def _reach(url: str, key: str) -> str | None:
    """Why an endpoint cannot be used. One that has no list of models, but answers, can."""
    import httpx2

    try:
        reply = httpx2.get(f"{url.rstrip('/')}/models", headers={"Authorization": f"Bearer {key}"}, timeout=REACH_S)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        return f"no connection ({type(error).__name__})"
    if reply.status_code in (401, 403):
        return f"it refuses the key (HTTP {reply.status_code})"
    return f"it fails (HTTP {reply.status_code})" if reply.status_code >= 500 else None


def _without_secrets(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"


def recorded(path: Path | None, environ: Mapping[str, str]) -> Finding:
    """Recordings that stand in for a model."""
    from seglam.compiler.recordings import RecordingError, read_recordings

    if path is None:
        return Finding("recordings", NOTE, "none are named", "give --recordings DIRECTORY")
    if not path.is_dir():
        return Finding("recordings", FAILED, f"{path} is no directory", "correct --recordings")
    try:
        found = read_recordings(path)
    except RecordingError as error:
        what, _, remedy = str(error).rpartition("; ")
        return Finding("recordings", FAILED, what, remedy)
    count = sum(name.startswith("author/") for name in found)
    words = f"{count} of authors, {len(found) - count} of verifiers in {path}"
    if environ.get("SEGLAM_MODEL"):
        return Finding("recordings", OK, f"{words}; not used, since a model is set")
    return Finding("recordings", OK if found else NOTE, words, "" if found else "record some, or set SEGLAM_MODEL")


def free(host: str, port: int) -> Finding:
    """Whether a server could listen there."""
    try:
        with socket.create_server((host, port)):
            pass
    except OSError as error:
        remedy = "stop what uses it, or choose another --port"
        return Finding("port", NOTE, f"{host}:{port} cannot be used ({error.strerror})", remedy)
    return Finding("port", OK, f"{host}:{port} is free")
