"""The node's processes: their command lines, and starting, stopping and freezing them by name.

Each runs in a process group of its own; `run/NAME.pid` holds its id. A pid that by now belongs to something else is
taken as not running.
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from tests.cluster.node.layout import ADDRESS, APISERVER, NODE, PORT, QUEUE, SERVICES, Layout
from tests.cluster.node.shell import NodeError, wait_until

ETCD, _ETCD_PEERS = "http://127.0.0.1:12379", "http://127.0.0.1:12380"
APISERVER_PROCESS = "kube-apiserver"


def commands(layout: Layout) -> dict[str, list[str]]:
    """The command line of each process by its name, in the order of their start."""
    node = layout.bin
    return {
        "etcd": _etcd(layout),
        "containerd": ["containerd", "--config", f"{layout.etc}/containerd.toml"],
        APISERVER_PROCESS: _apiserver(layout),
        "kube-controller-manager": _controller_manager(layout),
        "kube-scheduler": [
            *(f"{node}/kube-scheduler", "--kubeconfig", f"{layout.etc}/scheduler.kubeconfig"),
            *("--leader-elect=false", "--bind-address", "127.0.0.1"),
        ],
        "kubelet": [
            *(f"{node}/kubelet", "--config", f"{layout.etc}/kubelet.json"),
            *("--kubeconfig", f"{layout.etc}/kubelet.kubeconfig", "--hostname-override", NODE, "--node-ip", ADDRESS),
            *("--root-dir", f"{layout.data}/kubelet", "--cert-dir", f"{layout.data}/kubelet-pki"),
        ],
        "kube-proxy": [f"{node}/kube-proxy", "--config", f"{layout.etc}/proxy.json"],
        "coredns": [f"{node}/coredns", "-conf", f"{layout.etc}/Corefile"],
        "netpol": [
            *(f"{node}/netpol", "--kubeconfig", str(layout.admin), "--hostname-override", NODE),
            *("--metrics-bind-address", "127.0.0.1:19080", "--nfqueue-id", str(QUEUE)),
        ],
    }


def _etcd(layout: Layout) -> list[str]:
    return [
        *(f"{layout.bin}/etcd", "--data-dir", f"{layout.data}/etcd", "--log-level", "warn"),
        "--unsafe-no-fsync",  # nothing here outlives the machine
        *("--listen-client-urls", ETCD, "--advertise-client-urls", ETCD, "--listen-peer-urls", _ETCD_PEERS),
    ]


def _apiserver(layout: Layout) -> list[str]:
    pki = layout.pki
    return [
        *(f"{layout.bin}/kube-apiserver", "--etcd-servers", ETCD, "--bind-address", ADDRESS),
        *("--advertise-address", ADDRESS, "--secure-port", str(PORT), "--service-cluster-ip-range", SERVICES),
        *("--allow-privileged=true", "--authorization-mode", "Node,RBAC"),
        *("--enable-admission-plugins", "NodeRestriction", "--client-ca-file", f"{pki}/ca.crt"),
        *("--tls-cert-file", f"{pki}/apiserver.crt", "--tls-private-key-file", f"{pki}/apiserver.key"),
        # The issuer is an address that this machine reaches too, so that its OIDC discovery works from outside.
        *("--service-account-issuer", APISERVER, "--service-account-jwks-uri", f"{APISERVER}/openid/v1/jwks"),
        *("--service-account-key-file", f"{pki}/sa.pub", "--service-account-signing-key-file", f"{pki}/sa.key"),
        *("--kubelet-client-certificate", f"{pki}/apiserver-kubelet-client.crt"),
        *("--kubelet-client-key", f"{pki}/apiserver-kubelet-client.key"),
        *("--kubelet-certificate-authority", f"{pki}/ca.crt", "--kubelet-preferred-address-types", "InternalIP"),
        *("--audit-policy-file", f"{layout.etc}/audit.json", "--audit-log-path", str(layout.audit)),
        *("--audit-log-mode", "blocking"),  # an event is in the file when its answer is sent
    ]


def _controller_manager(layout: Layout) -> list[str]:
    pki = layout.pki
    return [
        *(f"{layout.bin}/kube-controller-manager", "--kubeconfig", f"{layout.etc}/controller-manager.kubeconfig"),
        *("--use-service-account-credentials", "--service-account-private-key-file", f"{pki}/sa.key"),
        *("--root-ca-file", f"{pki}/ca.crt", "--cluster-signing-cert-file", f"{pki}/ca.crt"),
        *("--cluster-signing-key-file", f"{pki}/ca.key", "--leader-elect=false", "--bind-address", "127.0.0.1"),
    ]


def pid_of(layout: Layout, name: str) -> int | None:
    """The id of a running process of the node."""
    try:
        pid = int((layout.run / f"{name}.pid").read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if str(layout.state).encode() in command else None


def running(layout: Layout) -> dict[str, bool]:
    """Whether each process that was started still runs, by name."""
    return {path.stem: pid_of(layout, path.stem) is not None for path in sorted(layout.run.glob("*.pid"))}


def start(layout: Layout, name: str) -> None:
    """Start a process unless it runs."""
    if pid_of(layout, name):
        return
    layout.log.mkdir(parents=True, exist_ok=True)
    with (layout.log / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            commands(layout)[name], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    (layout.run / f"{name}.pid").write_text(str(process.pid))


def stop(layout: Layout, *names: str, seconds: float = 10) -> None:
    """End processes: SIGTERM first, SIGKILL for what is left after `seconds`."""
    pids = [pid for name in names if (pid := pid_of(layout, name))]
    for pid in pids:
        os.killpg(pid, signal.SIGCONT)
        os.killpg(pid, signal.SIGTERM)
    try:
        wait_until("the end of processes", lambda: all(map(_gone, pids)), seconds=seconds)
    except NodeError:
        kill(layout, *names)


def kill(layout: Layout, *names: str) -> None:
    """End processes without notice, and return when they hold nothing more, such as a port."""
    pids = [pid for name in names if (pid := pid_of(layout, name))]
    for pid in pids:
        os.killpg(pid, signal.SIGKILL)
    wait_until("the end of killed processes", lambda: all(map(_gone, pids)), seconds=60)


def _gone(pid: int) -> bool:
    """Whether a process has ended. One that is ending has no command line any more but still holds what it had, also
    when its first thread has ended and another has not.
    """
    try:
        ended = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        return ended and len(list(Path(f"/proc/{pid}/task").iterdir())) == 1
    except (FileNotFoundError, ProcessLookupError):
        return True


def send(layout: Layout, name: str, number: signal.Signals) -> None:
    """Send a signal, as SIGSTOP and SIGCONT, to a process and its children."""
    if pid := pid_of(layout, name):
        os.killpg(pid, number)
