"""The lines by which a version is imported, with the trust that it needs."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from seglam.packs.names import PackName
from seglam.registry.api.edge import PREFIX


def lines(url: str, own: str, name: PackName, version: str) -> Mapping[str, str]:
    """Command lines by how the platform is run.

    Args:
        url: where clients reach this registry.
        own: its origin; of a pack of another one the address says so.
    """
    origin = "" if name.origin == own else f"?origin={quote(name.origin, safe='')}"
    trust = f"{url}{PREFIX}/packs/{name.namespace}/{name.pack}/versions/{version}/trust"
    root, policy = (f"{trust}/{document}.yaml{origin}" for document in ("root", "policy"))
    return {
        "On one machine": (
            f"curl -fsS -o root.yaml '{root}'\n"
            f"curl -fsS -o policy.yaml '{policy}'\n"
            "seglam pack trust add root.yaml policy.yaml\n"
            f"seglam pack import {name}@{version}\n"
        ),
        "With kubectl": (
            f"kubectl apply -f '{root}'\n"
            f"kubectl apply -f '{policy}'\n"
            "kubectl apply -f - <<'END'\n"
            "apiVersion: seglam.dev/v1alpha1\n"
            "kind: PackImport\n"
            f"metadata: {{name: {name.pack}}}\n"
            f"spec: {{pack: {name}, version: {version}}}\n"
            "END\n"
            f"kubectl wait --for=condition=Ready packimport/{name.pack}\n"
        ),
        "With Helm, where the operator may not reach this registry yet": (
            "helm upgrade seglam charts/seglam --namespace seglam-system --reuse-values \\\n"
            f"  --set 'imports.sources.cidrs={{ADDRESS-OF-{urlsplit(url).hostname}/32}}' \\\n"
            f"  --set 'imports.sources.ports={{{_port(url)}}}'\n"
        ),
    }


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)
