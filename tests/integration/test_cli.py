"""`seglam` as its users run it: help, colours, errors, serving."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import MULTIPLICATION, ROOT, environment, run, serving, write

HEAVY = ("wasmtime", "fastapi", "uvicorn", "pydantic_ai", "openai", "sqlalchemy", "pydantic", "yaml", "rich")


@pytest.fixture
def procedures(tmp_path: Path) -> Path:
    directory = tmp_path / "procedures"
    directory.mkdir()
    write(directory / "multiplication.yaml", MULTIPLICATION)
    return directory


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['seglam', '--help']\n"
        "from seglam.cli.app import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), cwd=ROOT, check=True
    )
    assert done.stderr == "[]\n"
    assert "Exit codes:" in done.stdout


@pytest.mark.parametrize(
    "command",
    ["serve", "ask", "replay", "explain", "compile", "savings", "doctor", "procedures validate", "procedures test",
     "procedures list", "procedures show", "procedures export", "procedures hygiene", "procedures merge",
     "procedures reframe", "review list",
     "review show", "review approve", "review reject"],
)  # fmt: skip
def test_every_command_teaches_with_an_example_and_takes_json(command: str) -> None:
    from typer.testing import CliRunner

    from seglam.cli.app import app

    shown = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "120"})
    assert shown.exit_code == 0
    assert f"seglam {command}" in shown.stdout and "--json" in shown.stdout


def on_a_terminal(*arguments: str, **more: str) -> str:
    """What `seglam` prints on a terminal."""
    own, its = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "seglam.cli.app", *arguments],
        stdin=its, stdout=its, stderr=its, env=environment(TERM="xterm-256color", **more), cwd=ROOT,
    )  # fmt: skip
    os.close(its)
    shown = b""
    try:
        while select.select([own], [], [], 240)[0]:
            try:
                part = os.read(own, 65536)
            except OSError:  # Linux reports the closed other end so
                break
            if not part:
                break
            shown += part
    finally:
        process.wait(timeout=60)
        os.close(own)
    return shown.decode()


def test_colour_only_on_a_terminal_and_never_with_no_color(procedures: Path) -> None:
    arguments = ("explain", "What is 12 times 7?", "--procedures", str(procedures))
    coloured = on_a_terminal(*arguments)
    plain = on_a_terminal(*arguments, NO_COLOR="1")
    piped = run(*arguments, FORCE_COLOR="1").stdout
    assert "\x1b[" in coloured and "\x1b" not in plain and "\x1b" not in piped
    for shown in (plain.replace("\r", ""), piped):
        assert shown.startswith("hit\n") and "multiplication(a=12, b=7)" in shown


def test_a_miss_says_what_differs_and_runs_nothing(procedures: Path) -> None:
    done = run("explain", "What is 12 plus 7?", "--procedures", str(procedures), "--json", XDG_DATA_HOME="/nonexistent")
    content = json.loads(done.stdout)
    assert done.returncode == 1 and content["outcome"] == "miss" and content["reason"] == "unknown"
    assert content["near"][0]["procedure"] == "multiplication" and "'times'" in content["near"][0]["difference"]
    assert content["near"][0]["pattern"] == "[what is] {a} (times|x) {b}"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ask",), "there is no request"),
        (("ask", "x", "--value", "{}"), "a text and a value"),
        (("ask", "--value", "{"), "this is no JSON"),
        (("replay", "x"), "Missing option '--out'"),
        (("nonsense",), "No such command"),
        (("savings", "--since", "yesterday"), "is no day"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = run(*arguments, SEGLAM_DATA_DIR=str(tmp_path))
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr and done.stdout == ""


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be read as one" * 20, None])
def test_a_store_that_cannot_be_used_is_one_line(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "seglam.sqlite3"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    done = run("review", "list", "--json", SEGLAM_DATA_DIR=str(tmp_path))
    error = json.loads(done.stdout)["error"]
    assert done.returncode == 4 and done.stderr.count("\n") == 1 and str(path) in error["message"] and error["remedy"]


def test_a_traceback_only_where_it_is_asked_for(tmp_path: Path) -> None:
    done = run("procedures", "validate", str(tmp_path / "none"), SEGLAM_DEBUG="1")
    assert done.returncode == 1 and "Traceback" in done.stderr


def test_the_doctor_names_what_is_missing_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o755)
    secret = "sk-not-to-be-shown"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run(
            "doctor", "--json", "--port", str(taken.getsockname()[1]), "--recordings", str(tmp_path),
            SEGLAM_DATA_DIR=str(tmp_path / "data"), SEGLAM_ENGINE_DIR=str(tmp_path / "engines"),
            SEGLAM_MODEL="m", OPENAI_API_KEY=secret, OPENAI_BASE_URL="http://user:word@127.0.0.1:9/v1",
        )  # fmt: skip
    content = json.loads(done.stdout)
    states = {each["name"]: each["state"] for each in content["findings"]}
    assert done.returncode == 3 and not content["ok"]
    assert states == {
        "python": "ok", "engine a": "failed", "engine b": "failed", "sandbox": "failed", "data": "note", "store": "ok",
        "author": "failed", "verifier": "failed", "recordings": "ok", "port": "note",
    }  # fmt: skip
    assert all(each["remedy"] for each in content["findings"] if each["state"] != "ok")
    assert secret not in done.stdout + done.stderr and "word" not in done.stdout


def test_the_doctor_finds_a_whole_installation(tmp_path: Path) -> None:
    done = run("doctor", "--json", "--port", "0", SEGLAM_DATA_DIR=str(tmp_path / "data"))
    found = {each["name"]: (each["state"], each["message"]) for each in json.loads(done.stdout)["findings"]}
    assert done.returncode == 0, done.stdout
    assert found["engine a"][0] == found["engine b"][0] == "ok" and found["sandbox"][1].startswith("12 times 7 is 84")
    assert found["author"][0] == "note" and not (tmp_path / "data").exists()


def test_a_server_is_asked_over_http_and_ends_when_told(tmp_path: Path, procedures: Path) -> None:
    with serving(tmp_path / "data", "--procedures", str(procedures)) as (url, process):
        hit = run("ask", "What is 12 times 7?", "--server", url, "--json")
        content = json.loads(hit.stdout)
        assert (hit.returncode, content["outcome"], content["answer"]) == (0, "hit", "84")
        miss = run("ask", "What is 12 plus 7?", "--server", url, "--only-if-cached")
        assert miss.returncode == 1 and miss.stdout == "" and miss.stderr.startswith("miss (unknown)")
        saved = json.loads(run("savings", "--server", url, "--json").stdout)
        assert saved["counts"]["hits"] == 1 and saved["counts"]["misses"] == 1

        locked = run("procedures", "list", "--data-dir", str(tmp_path / "data"))
        assert locked.returncode == 4 and "another program holds" in locked.stderr and locked.stderr.count("\n") == 1
        port = url.rpartition(":")[2]
        second = run("serve", "--port", port, "--data-dir", str(tmp_path / "other"))
        assert second.returncode == 3 and f"port {port}" in second.stderr and second.stderr.count("\n") == 1

        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 0
    listed = run("procedures", "list", "--json", "--data-dir", str(tmp_path / "data"))
    assert json.loads(listed.stdout)["arguments"] == "a: decimal, b: decimal"


def test_no_server_is_a_clear_error() -> None:
    done = run("ask", "12 times 7", "--server", "http://127.0.0.1:9")
    assert done.returncode == 3 and "no server answers there" in done.stderr and done.stderr.count("\n") == 1


def test_a_killed_replay_leaves_no_half_file(tmp_path: Path, procedures: Path) -> None:
    log = tmp_path / "log"
    os.mkfifo(log)
    out = tmp_path / "decisions.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-m", "seglam.cli.app", "replay", str(log), "--out", str(out), "--procedures", str(procedures),
         "--only-if-cached"],
        env=environment(), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        with log.open("w", encoding="utf-8") as file:
            for number in range(2000):  # more than a buffer holds, so that some of it is on the disk
                file.write(json.dumps({"id": number, "text": f"What is {number} times 7?"}) + "\n")
            file.flush()
            while not any(path.stat().st_size for path in tmp_path.glob(".decisions.jsonl.*.part")):
                assert process.poll() is None
                select.select([], [], [], 0.05)
            process.kill()
            process.wait()
    finally:
        process.kill()
        process.wait()
    assert not out.exists()
