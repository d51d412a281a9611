"""Deletes what the operator made and no release holds: its namespaces, and its own objects in the system namespace.

Takes the system namespace. Only namespaces that carry the operator's label and one of its names are deleted. It ends
when they are gone, so that an installation that follows finds nothing in deletion.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
OWNED = "labelSelector=app.kubernetes.io/managed-by%3Dseglam-operator"
SECONDS = 180.0


def call(method: str, path: str) -> dict[str, Any] | None:
    """The API server's answer; None where the object is not there."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    host = f"[{host}]" if ":" in host else host
    token = (ACCOUNT / "token").read_text(encoding="utf-8")
    request = urllib.request.Request(f"https://{host}:{port}{path}", method=method)
    request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(
            request, timeout=30, context=ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
        ) as response:
            answer: dict[str, Any] = json.load(response)
            return answer
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise


def owned() -> list[dict[str, Any]]:
    """The operator's namespaces that are still there."""
    listed = call("GET", f"/api/v1/namespaces?{OWNED}") or {}
    return [
        found["metadata"]
        for found in listed.get("items", [])
        if found["metadata"]["name"].startswith("seglam-run-") or found["metadata"]["name"] == "seglam-verification"
    ]


def main(system: str) -> int:
    """Delete and wait; 1 if something is still there after three minutes."""
    for path in (
        f"/apis/coordination.k8s.io/v1/namespaces/{system}/leases/seglam-operator",
        f"/api/v1/namespaces/{system}/secrets/seglam-gateway-tls",
        f"/api/v1/namespaces/{system}/secrets/seglam-ca",
    ):
        print("deleted" if call("DELETE", path) else "not there:", path)
    end = time.monotonic() + SECONDS
    while left := owned():
        for metadata in left:
            if "deletionTimestamp" not in metadata:
                call("DELETE", f"/api/v1/namespaces/{metadata['name']}")
                print("deleting namespace", metadata["name"])
        if time.monotonic() > end:
            print("still there:", ", ".join(metadata["name"] for metadata in left), file=sys.stderr)
            return 1
        time.sleep(1)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
