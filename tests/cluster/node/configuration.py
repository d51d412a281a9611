"""Configuration files of the node's processes."""

from __future__ import annotations

import json
from typing import Any

from tests.cluster.node.layout import ADDRESS, DNS, NODE, PAUSE, PODS, Layout
from tests.cluster.node.shell import write


def configuration(layout: Layout) -> None:
    """Write every file anew; what runs reads its own only when it starts."""
    write(layout.etc / "resolv.conf", "")
    for name, content in {
        "cni/10-seglam.conflist": _cni(layout),
        "kubelet.json": _kubelet(layout),
        "proxy.json": _proxy(layout),
        "audit.json": _audit(),
    }.items():
        write(layout.etc / name, json.dumps(content, indent=1))
    write(layout.etc / "containerd.toml", _containerd(layout))
    write(layout.etc / "Corefile", _corefile(layout))


def _cni(layout: Layout) -> dict[str, Any]:
    addresses = {"type": "host-local", "dataDir": str(layout.run / "ipam"), "ranges": [[{"subnet": PODS}]]}
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": addresses | {"routes": [{"dst": "0.0.0.0/0"}]},
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "0.4.0", "name": "seglam", "plugins": [bridge, ports]}


def _kubelet(layout: Layout) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(layout.pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(layout.pki / "kubelet-server.crt"),
        "tlsPrivateKeyFile": str(layout.pki / "kubelet-server.key"),
        "address": ADDRESS,
        "healthzBindAddress": "127.0.0.1",
        "containerRuntimeEndpoint": f"unix://{layout.containerd}",
        "clusterDNS": [DNS],
        "clusterDomain": "cluster.local",
        "resolvConf": str(layout.etc / "resolv.conf"),
        "podLogsDir": str(layout.log / "pods"),
        "staticPodPath": "",
        "maxPods": 200,
        "nodeStatusUpdateFrequency": "4s",
        "serializeImagePulls": False,
        "shutdownGracePeriod": "0s",
        # Old hierarchies of control groups, and no CAP_SYS_RESOURCE: both are common in nested machines.
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        "oomScoreAdj": 0,
        "protectKernelDefaults": False,
        # Images have no registry to come back from.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "100Mi"},
    }


def _proxy(layout: Layout) -> dict[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": str(layout.etc / "proxy.kubeconfig")},
        "clusterCIDR": PODS,
        "oomScoreAdj": 0,
        "hostnameOverride": NODE,
        "bindAddress": ADDRESS,
        "healthzBindAddress": "",
        "metricsBindAddress": "127.0.0.1:10249",
        "conntrack": {"maxPerCore": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }


def _audit() -> dict[str, Any]:
    """Who asked for what, of service accounts and people; the node's own components would drown it."""
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            {"level": "None", "userGroups": ["system:nodes", "system:masters", "system:serviceaccounts:kube-system"]},
            {"level": "Metadata", "userGroups": ["system:serviceaccounts"]},
            {"level": "None"},
        ],
    }


def _containerd(layout: Layout) -> str:
    return f"""
        version = 2
        root = "{layout.data}/containerd"
        state = "{layout.run}/containerd"
        oom_score = 0
        [grpc]
        address = "{layout.containerd}"
        [plugins."io.containerd.grpc.v1.cri"]
        sandbox_image = "{PAUSE}"
        restrict_oom_score_adj = true
        disable_apparmor = true
        [plugins."io.containerd.grpc.v1.cri".cni]
        bin_dir = "/usr/lib/cni"
        conf_dir = "{layout.etc}/cni"
        [plugins."io.containerd.grpc.v1.cri".containerd]
        snapshotter = "overlayfs"
        default_runtime_name = "runc"
        [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
        runtime_type = "io.containerd.runc.v2"
        [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
        """


def _corefile(layout: Layout) -> str:
    return f"""
        .:53 {{
            bind {ADDRESS}
            errors
            kubernetes cluster.local in-addr.arpa {{
                kubeconfig {layout.admin}
                pods insecure
            }}
            cache 5
        }}
        """
