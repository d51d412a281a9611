"""The private sigstore of the tests itself: its command, another address, and a cluster's issuer behind TLS."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from sigstore.models import ClientTrustConfig

from seglam.packs.trust import TrustRoot, TrustRootSpec
from seglam.packs.trust.examination import examine
from seglam.packs.trust.identities import service_account
from seglam.packs.trust.signing.keyless import KeylessSigner
from tests.certificates import SERVER, Authority
from tests.sigstore.build import missing
from tests.sigstore.instance import Sigstore
from tests.sigstore.oidc import Issuer
from tests.trust import PACK, release, statement

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "")


def test_another_address_and_a_clusters_issuer(tmp_path: Path) -> None:
    """As a cluster's pods use it: by an address of the node's, with the API server as a further issuer."""
    authority = Authority.new()
    own = authority.identity("localhost", SERVER)
    (tmp_path / "server.pem").write_bytes(own.certificate + own.key)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "server.pem")
    cluster = Issuer("localhost", tmp_path / "cluster.key", tls=tls)
    running = Sigstore(tmp_path / "state", address="127.0.0.2", issuers={cluster.url: authority.pem.decode()})
    try:
        assert "http://127.0.0.2:" in running.signing_config
        config = ClientTrustConfig.from_json(running.trust_config)
        root = TrustRoot.of("sigstore", TrustRootSpec(keyless=running.trusted_root))
        for issuer in (cluster, running.issuer):
            signer = KeylessSigner(config, lambda issuer=issuer: issuer.token("shop", "operator"))  # type: ignore[misc]
            found = examine(signer.sign(statement(release())), [root], PACK).signature
            assert found is not None
            assert (found.issuer, found.subject) == (issuer.url, service_account("shop", "operator"))
    finally:
        running.close()
        cluster.close()


def test_the_command(tmp_path: Path) -> None:
    def command(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "tests.sigstore", "--state", str(tmp_path / "state"), *words],
            capture_output=True,
            text=True,
            check=False,
            env=dict(os.environ),
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    assert command("status") == "down"
    path = Path(command("up"))
    try:
        assert command("up") == str(path), "it is up already"
        assert [line.split() for line in command("status").splitlines()] == [
            [name, "up"] for name in ("ctlog", "tsa", "rekor", "fulcio")
        ]
        config = ClientTrustConfig.from_json(path.read_text())
        assert KeylessSigner(config, lambda: command("token", "shop", "compiler")).sign(statement(release()))
    finally:
        command("down")
    assert command("status") == "down"
    assert not path.exists()
