"""`python -m seglam.sandbox.runner`: exit code 0 after SIGTERM, 2 for wrong settings, 1 for anything else."""

from __future__ import annotations

import asyncio
import logging
import os
import sys

from seglam.sandbox.recipe import EngineError
from seglam.sandbox.runner.server import serve
from seglam.sandbox.runner.settings import Settings, SettingsError
from seglam.sandbox.tls import TLSError


def main() -> int:
    """Serve until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    try:
        settings = Settings.of(os.environ)
    except SettingsError as problem:
        logging.error("%s", problem)
        return 2
    try:
        idle = asyncio.run(serve(settings))
    except (EngineError, TLSError, OSError) as problem:
        logging.error("the runner cannot serve: %s", problem)
        return 1
    if not idle:  # a procedure that still uses up its steps holds a thread, and nobody waits for its answer any more
        logging.shutdown()
        os._exit(0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
