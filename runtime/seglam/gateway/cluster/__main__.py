"""`python -m seglam.gateway.cluster`: the gateway of a cluster, configured by its environment."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from seglam import telemetry
from seglam.cluster import Client, ConfigurationError, load
from seglam.gateway.cluster.process import Gateway
from seglam.gateway.cluster.settings import Settings, SettingsInvalid
from seglam.gateway.serving.loop import run
from seglam.sandbox import TLSError

UNUSABLE = 2
"""Exit code where settings, certificates or addresses cannot be used."""


def main() -> int:
    """Run until SIGTERM or SIGINT."""
    form, level = os.environ.get("SEGLAM_LOG_FORMAT", "text"), os.environ.get("SEGLAM_LOG_LEVEL", "info").upper()
    if form not in ("json", "text") or level not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        words = "give SEGLAM_LOG_FORMAT json or text and SEGLAM_LOG_LEVEL debug, info, warning or error"
        print(f"seglam gateway: {words}", file=sys.stderr)
        return UNUSABLE
    telemetry.configure_logs(form, level)
    try:
        telemetry.configure("seglam-gateway")
        run(_run(Settings.from_environ()))
    except (SettingsInvalid, ConfigurationError, TLSError, telemetry.TelemetryError, OSError) as error:
        print(f"seglam gateway: {error}", file=sys.stderr)
        return UNUSABLE
    finally:
        telemetry.shutdown()
    return 0


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Client(load(), agent="seglam-gateway") as client:
        await Gateway(settings, client).run(stop)


if __name__ == "__main__":
    sys.exit(main())
