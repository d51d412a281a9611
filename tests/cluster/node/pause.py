"""The image of a pod's sandbox, an OCI archive with one static program: a node without a registry needs its own."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from tests.cluster.node.layout import PAUSE, Layout

_OCI = "application/vnd.oci.image"


def pause_archive(layout: Layout) -> Path:
    """Write the archive and return its path."""
    layer = _tar({"pause": (layout.bin / "pause").read_bytes()}, mode=0o755)
    packed = gzip.compress(layer, mtime=0)
    config = _json(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Entrypoint": ["/pause"], "User": "65535:65535"},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": f"{_OCI}.manifest.v1+json",
            "config": _descriptor("config.v1+json", config),
            "layers": [_descriptor("layer.v1.tar+gzip", packed)],
        }
    )
    named = {"io.containerd.image.name": PAUSE, "org.opencontainers.image.ref.name": PAUSE}
    platform = {"architecture": "amd64", "os": "linux"}
    entry = _descriptor("manifest.v1+json", manifest) | {"platform": platform, "annotations": named}
    files = {
        "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
        "index.json": _json({"schemaVersion": 2, "manifests": [entry]}),
    }
    files |= {f"blobs/{_digest(blob).replace(':', '/')}": blob for blob in (config, packed, manifest)}
    archive = layout.run / "pause.tar"
    archive.write_bytes(_tar(files))
    return archive


def _descriptor(kind: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": f"{_OCI}.{kind}", "digest": _digest(data), "size": len(data)}


def _tar(files: dict[str, bytes], mode: int = 0o644) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), mode
            tar.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
