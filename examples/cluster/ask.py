"""Runs in a pod of a tenant: sends one request to the gateway with the pod's own token, and prints what came back.

python ask.py URL TEXT [Cache-Control]
"""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

TOKEN = Path("/var/run/secrets/seglam/token")


def main(url: str, text: str, cache_control: str = "") -> None:
    """Ask, and print status, milliseconds and the answer as one line of JSON."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN.read_text(encoding='utf-8')}"}
    if cache_control:
        headers["Cache-Control"] = cache_control
    body = json.dumps({"text": text}).encode()
    began = time.perf_counter()
    try:
        with urllib.request.urlopen(
            urllib.request.Request(f"{url}/v1/requests", body, headers), timeout=30
        ) as response:
            status, said = response.status, json.load(response)
    except urllib.error.HTTPError as error:
        status, said = error.code, json.load(error)
    print(json.dumps({"status": status, "ms": round((time.perf_counter() - began) * 1e3, 1), **said}))


if __name__ == "__main__":
    main(*sys.argv[1:])
