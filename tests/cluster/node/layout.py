"""Names, addresses and directories of the node: what all its modules agree on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

KUBERNETES = "1.36.3"
HELM = "4.3.1"
NODE = "seglam-node"
CONTEXT = "seglam-node"
# A bridge without ports gives pods and this machine one stable address of the API server.
DEVICE, ADDRESS, PORT = "seglam0", "172.31.255.1", 6443
APISERVER = f"https://{ADDRESS}:{PORT}"
SERVICES, PODS, DNS = "10.96.0.0/16", "10.244.0.0/24", "10.96.0.10"
FIRST_SERVICE = "10.96.0.1"  # the API server's own Service takes the first address
PAUSE = "registry.invalid/pause:3.10"
QUEUE = 100  # of netfilter: where new flows wait for netpol's verdict


@dataclass(frozen=True, slots=True)
class Layout:
    """Directories below the state directory. `bin` survives `down`, everything else goes."""

    state: Path

    @classmethod
    def of_environment(cls) -> Layout:
        """SEGLAM_NODE_STATE, else /var/lib/seglam-node."""
        return cls(Path(os.environ.get("SEGLAM_NODE_STATE") or "/var/lib/seglam-node"))

    @property
    def bin(self) -> Path:
        return self.state / "bin"

    @property
    def pki(self) -> Path:
        return self.state / "pki"

    @property
    def etc(self) -> Path:
        return self.state / "etc"

    @property
    def run(self) -> Path:
        return self.state / "run"

    @property
    def log(self) -> Path:
        return self.state / "log"

    @property
    def data(self) -> Path:
        return self.state / "data"

    @property
    def containerd(self) -> Path:
        """The socket of the container runtime."""
        return self.run / "containerd.sock"

    @property
    def admin(self) -> Path:
        """The kubeconfig of a cluster administrator."""
        return self.etc / "admin.kubeconfig"

    @property
    def audit(self) -> Path:
        """The API server's audit log: one JSON event a line for each request of a service account."""
        return self.log / "audit.log"
