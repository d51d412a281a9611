"""python3 -m tests.sigstore build|up|down|status|token

    build                         build the services, if they are not built
    up [--address A] [--issuer URL [--issuer-ca FILE]]   start them; prints the path of the trust config
    status                        one line for each service
    token NAMESPACE ACCOUNT [--audience A]   an identity token of that service account
    down                          stop them and delete their state; the binaries stay

State is in --state, else in $SEGLAM_SIGSTORE_STATE, else in the user's cache directory.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from tests.sigstore.build import BuildError, build, cache
from tests.sigstore.proxy import wait_for


class NotUp(RuntimeError):
    """The services are not up, or did not come up. The message says why."""


def main() -> int:
    """Run the command; errors are one message and exit code 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("SEGLAM_SIGSTORE_STATE") or cache().parent / "sigstore-state"
    parser.add_argument("--state", type=Path, default=Path(default))
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build")
    for name in ("up", "run"):
        command = commands.add_parser(name)
        command.add_argument("--address", default="127.0.0.1")
        command.add_argument("--issuer")
        command.add_argument("--issuer-ca", type=Path)
    commands.add_parser("status")
    commands.add_parser("down")
    token = commands.add_parser("token")
    token.add_argument("namespace")
    token.add_argument("account")
    token.add_argument("--audience", default="sigstore")
    options = parser.parse_args()
    try:
        found: str | None = globals()[f"_{options.command}"](options)
    except (BuildError, NotUp, TimeoutError) as error:
        print(f"sigstore: {error}", file=sys.stderr)
        return 1
    if found:
        print(found)
    return 0


def _build(_: argparse.Namespace) -> str:
    return str(build())


def _run(options: argparse.Namespace) -> None:
    """Hold the services in this process until it is told to stop."""
    from tests.sigstore.instance import Sigstore  # needs more than the standard library, as `build` does not

    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    certificate = options.issuer_ca.read_text() if options.issuer_ca else None
    running = Sigstore(
        options.state, address=options.address, issuers={options.issuer: certificate} if options.issuer else None
    )
    state = {"pid": os.getpid(), "issuer": running.issuer.url, "services": running.pids()}
    partial = options.state / "state.json.partial"
    partial.write_text(json.dumps(state))
    partial.rename(options.state / "state.json")
    ended.wait()
    running.close()


def _up(options: argparse.Namespace) -> str:
    if _state(options) is None:
        build()
        shutil.rmtree(options.state, ignore_errors=True)
        options.state.mkdir(parents=True)
        command = [sys.executable, "-m", "tests.sigstore", "--state", str(options.state), "run"]
        command += ["--address", options.address]
        command += ["--issuer", options.issuer] if options.issuer else []
        command += ["--issuer-ca", str(options.issuer_ca)] if options.issuer_ca else []
        with (options.state / "run.log").open("wb") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        wait_for("sigstore", lambda: process.poll() is not None or _state(options) is not None, 90)
        if process.poll() is not None:
            raise NotUp((options.state / "run.log").read_text())
    return str(options.state / "etc" / "trust_config.json")


def _status(options: argparse.Namespace) -> str:
    state = _state(options)
    if state is None:
        return "down"
    return "\n".join(f"{name:8} {'up' if _lives(pid) else 'down'}" for name, pid in state["services"].items())


def _token(options: argparse.Namespace) -> str:
    state = _state(options)
    if state is None:
        raise NotUp("it is not up")
    from tests.sigstore.oidc import read_key, service_account_token  # as above

    key = read_key(options.state / "etc" / "issuer-1.key")
    return service_account_token(key, state["issuer"], options.namespace, options.account, options.audience)


def _down(options: argparse.Namespace) -> None:
    state = _state(options)
    if state is not None:
        os.kill(state["pid"], signal.SIGTERM)
        wait_for("the end", lambda: not _lives(state["pid"]), 30)
    shutil.rmtree(options.state, ignore_errors=True)


def _state(options: argparse.Namespace) -> dict[str, Any] | None:
    try:
        state = json.loads((options.state / "state.json").read_text())
    except FileNotFoundError:
        return None
    return state if _lives(state["pid"]) else None


def _lives(pid: int) -> bool:
    """Whether the process is there and is one of ours: an id may have gone to another by now."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return bool(words)


if __name__ == "__main__":
    sys.exit(main())
