"""What the node needs of the machine, and what it changes in its network."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from tests.cluster.node.layout import ADDRESS, DEVICE, PODS, QUEUE, Layout
from tests.cluster.node.shell import run, succeeds

# Debian's packages by a program or file of theirs.
PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "nft": "nftables",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "openssl": "openssl",
    "cc": "gcc",
    "buildah": "buildah",
    "debootstrap": "debootstrap",
}

# What netpol is shown: the first packet of each flow from or to a pod, a pod's flows to its own node (INPUT) among
# them, but not the node's own, since kubelet's probes come from the bridge's address, inside the range of pods.
# netpol's own rules need nftables' queue statement, which not every kernel has; the NFQUEUE target does the same.
_NEW = ("-m", "addrtype", "!", "--src-type", "LOCAL", "-m", "conntrack", "--ctstate", "NEW")
_DIVERT = [
    (chain, side, PODS, *_NEW) for chain, side in (("INPUT", "-s"), ("POSTROUTING", "-s"), ("POSTROUTING", "-d"))
]
_TO_QUEUE = ("-j", "NFQUEUE", "--queue-num", str(QUEUE), "--queue-bypass")


def missing(layout: Layout) -> list[str]:
    """Why the node cannot run on this machine: one reason an entry, none if it can."""
    reasons = []
    if not sys.platform.startswith("linux"):
        return ["the node needs Linux"]
    if os.geteuid() != 0:
        reasons.append("the node needs root")
    if packages := missing_packages():
        reasons.append(f"packages are missing: apt-get install --no-install-recommends {' '.join(packages)}")
    if not shutil.which("go") and not (layout.bin / "kubelet").exists():
        reasons.append("Go 1.26 is missing, which builds Kubernetes from its modules")
    return reasons


def missing_packages() -> list[str]:
    """Names of Debian's packages that the node and its images need and that are not there."""
    return [package for needed, package in PACKAGES.items() if not shutil.which(needed)]


def prepare() -> None:
    """The bridge with the API server's address, forwarding, and mounts that pods can share."""
    if not Path("/sys/class/net", DEVICE).exists():
        run("ip", "link", "add", DEVICE, "type", "bridge")
        run("ip", "addr", "add", f"{ADDRESS}/32", "dev", DEVICE)
        run("ip", "link", "set", DEVICE, "up")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    run("mount", "--make-rshared", "/")


def divert() -> None:
    """Show netpol the first packet of every flow of a pod."""
    for rule in _DIVERT:
        if not succeeds("iptables", "-t", "mangle", "-C", *rule, *_TO_QUEUE):
            run("iptables", "-t", "mangle", "-A", *rule, *_TO_QUEUE)


def restore(layout: Layout) -> None:
    """Take away mounts, rules, network namespaces and devices that the node made."""
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in sorted((m for m in mounts if m.startswith(f"{layout.state}/")), reverse=True):
        succeeds("umount", "--lazy", mount)
    succeeds(layout.bin / "kube-proxy", "--cleanup", "--config", layout.etc / "proxy.json")
    for rule in _DIVERT:
        succeeds("iptables", "-t", "mangle", "-D", *rule, *_TO_QUEUE)
    for namespace in Path("/run/netns").glob("cni-*"):  # with it go both ends of the pod's veth pair
        succeeds("ip", "netns", "delete", namespace.name)
    for device in ("cni0", DEVICE):
        succeeds("ip", "link", "delete", device)
