"""The node's certificate authority, certificates and kubeconfigs."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cluster.node.layout import ADDRESS, APISERVER, CONTEXT, FIRST_SERVICE, NODE, Layout
from tests.cluster.node.shell import run, write

_DAYS = "365"
_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
_SERVICE_NAMES = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")
CLIENTS = {
    "admin": "/O=system:masters/CN=kubernetes-admin",
    "controller-manager": "/CN=system:kube-controller-manager",
    "scheduler": "/CN=system:kube-scheduler",
    "kubelet": f"/O=system:nodes/CN=system:node:{NODE}",
    "proxy": "/CN=system:kube-proxy",
}


def credentials(layout: Layout) -> None:
    """Make what is not there yet; nobody but root can read it."""
    layout.pki.mkdir(parents=True, exist_ok=True)
    layout.pki.chmod(0o700)
    _authority(layout)
    names = ["IP:127.0.0.1", "DNS:localhost", f"IP:{ADDRESS}", f"IP:{FIRST_SERVICE}"]
    _certificate(layout, "apiserver", "/CN=kube-apiserver", *names, *(f"DNS:{name}" for name in _SERVICE_NAMES))
    _certificate(layout, "kubelet-server", f"/CN={NODE}", f"IP:{ADDRESS}", f"DNS:{NODE}")
    _certificate(layout, "apiserver-kubelet-client", "/O=system:masters/CN=kube-apiserver-kubelet-client")
    for name, subject in CLIENTS.items():
        _certificate(layout, name, subject)
        _kubeconfig(layout, name)


def user_kubeconfig(layout: Layout, user: str, *groups: str) -> Path:
    """A kubeconfig of a person: the API server knows them by this name and these groups."""
    subject = "".join(f"/O={group}" for group in groups) + f"/CN={user}"
    _certificate(layout, f"user-{user}", subject)
    return _kubeconfig(layout, f"user-{user}")


def _authority(layout: Layout) -> None:
    key, certificate = layout.pki / "ca.key", layout.pki / "ca.crt"
    if certificate.exists():
        return
    run("openssl", "genrsa", "-out", layout.pki / "sa.key", "2048")
    run("openssl", "rsa", "-in", layout.pki / "sa.key", "-pubout", "-out", layout.pki / "sa.pub")
    subject = ("-subj", "/CN=seglam-node-ca", "-days", _DAYS)
    run("openssl", "req", "-x509", "-new", *_NEW_KEY, "-keyout", key, "-out", certificate, *subject)


def _certificate(layout: Layout, name: str, subject: str, *alternatives: str) -> None:
    key, request, certificate = (layout.pki / f"{name}.{suffix}" for suffix in ("key", "csr", "crt"))
    if certificate.exists():
        return
    run("openssl", "req", "-new", *_NEW_KEY, "-keyout", key, "-out", request, "-subj", subject)
    usage = "extendedKeyUsage=serverAuth,clientAuth\n"
    if alternatives:
        usage += f"subjectAltName={','.join(alternatives)}\n"
    extensions = write(layout.pki / f"{name}.ext", usage)
    authority = ("-CA", layout.pki / "ca.crt", "-CAkey", layout.pki / "ca.key", "-CAcreateserial")
    run(
        *("openssl", "x509", "-req", "-in", request, *authority),
        *("-days", _DAYS, "-out", certificate, "-extfile", extensions),
    )


def _kubeconfig(layout: Layout, name: str) -> Path:
    cluster = {"server": APISERVER, "certificate-authority": str(layout.pki / "ca.crt")}
    user = {"client-certificate": str(layout.pki / f"{name}.crt"), "client-key": str(layout.pki / f"{name}.key")}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": CONTEXT,
        "clusters": [{"name": CONTEXT, "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": name}}],
    }
    return write(layout.etc / f"{name}.kubeconfig", json.dumps(config, indent=1), 0o600)
