"""Certificates: what is made, what is kept, when it is made anew, and that TLS takes it."""

from __future__ import annotations

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from seglam.operator import certificates
from seglam.operator.certificates import AUTHORITY, CERTIFICATE, KEY, Data, Subject
from seglam.sandbox.tls import Identity, client_context, server_context

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
RUNNER = certificates.server("seglam-runner", ["team-a.runners.seglam.internal"])
GATEWAY = certificates.peer("seglam-gateway", ["seglam-gateway.seglam-system.svc"])
OPERATOR = certificates.client("seglam-operator")
CA = certificates.authority(None, NOW)


def read(data: Data) -> x509.Certificate:
    return x509.load_pem_x509_certificate(data[CERTIFICATE])


def test_the_authority_signs_and_nothing_below_it_does() -> None:
    certificate = read(CA)
    limits = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert limits.critical
    assert (limits.value.ca, limits.value.path_length) == (True, 0)
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"
    assert CA[AUTHORITY] == CA[CERTIFICATE]


@pytest.mark.parametrize("days", [0, 1, 3000])
def test_a_valid_authority_is_kept_to_the_byte(days: int) -> None:
    assert certificates.authority(CA, NOW + timedelta(days=days)) == CA


def test_an_authority_that_ends_before_its_certificates_would_is_followed_by_another_and_still_trusted() -> None:
    later = NOW + timedelta(days=3650 - 89)
    following = certificates.authority(CA, later)
    assert following[CERTIFICATE] != CA[CERTIFICATE]
    assert following[AUTHORITY] == following[CERTIFICATE] + CA[CERTIFICATE]
    assert certificates.authority(following, later) == following


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {CERTIFICATE: b"x", KEY: b"y"},
        {CERTIFICATE: CA[CERTIFICATE]},
        {CERTIFICATE: CA[CERTIFICATE], KEY: certificates.authority(None, NOW)[KEY]},
        dict(certificates.issued(None, RUNNER, CA, NOW)),
    ],
    ids=["empty", "garbage", "no key", "another's key", "no authority"],
)
def test_what_is_no_authority_is_replaced(broken: dict[str, bytes]) -> None:
    assert certificates.authority(broken, NOW)[CERTIFICATE] != broken.get(CERTIFICATE)


@pytest.mark.parametrize(
    ("subject", "usages"),
    [
        (RUNNER, {ExtendedKeyUsageOID.SERVER_AUTH}),
        (OPERATOR, {ExtendedKeyUsageOID.CLIENT_AUTH}),
        (GATEWAY, {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}),
    ],
)
def test_a_certificate_is_for_its_purpose_only(subject: Subject, usages: set[x509.ObjectIdentifier]) -> None:
    certificate = read(certificates.issued(None, subject, CA, NOW))
    certificate.verify_directly_issued_by(read(CA))
    assert set(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == usages
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert certificate.not_valid_after_utc == NOW + timedelta(days=90)
    assert certificate.not_valid_before_utc == NOW - timedelta(minutes=5)


@pytest.mark.parametrize(("days", "kept"), [(0, True), (59, True), (60, False), (89, False), (91, False), (-1, False)])
def test_certificates_are_renewed_at_two_thirds(days: int, kept: bool) -> None:
    made = certificates.issued(None, RUNNER, CA, NOW)
    again = certificates.issued(made, RUNNER, CA, NOW + timedelta(days=days))
    assert (again == made) == kept


def test_the_time_of_renewal_is_known() -> None:
    made = certificates.issued(None, RUNNER, CA, NOW)
    assert timedelta(days=59) < certificates.renewal(made) - NOW < timedelta(days=60)
    with pytest.raises(ValueError, match="no certificate"):
        certificates.renewal({})


@pytest.mark.parametrize(
    "other",
    [
        certificates.server("seglam-runner", ["team-b.runners.seglam.internal"]),
        certificates.server("seglam-runner", []),
        certificates.peer("seglam-runner", RUNNER.dns),
    ],
    ids=["another name", "no name", "another purpose"],
)
def test_a_certificate_for_something_else_is_replaced(other: Subject) -> None:
    made = certificates.issued(None, RUNNER, CA, NOW)
    assert certificates.issued(made, other, CA, NOW)[CERTIFICATE] != made[CERTIFICATE]


def test_a_certificate_of_another_authority_is_replaced() -> None:
    stranger = certificates.authority(None, NOW)
    made = certificates.issued(None, RUNNER, stranger, NOW)
    again = certificates.issued(made, RUNNER, CA, NOW)
    read(again).verify_directly_issued_by(read(CA))
    assert again[AUTHORITY] == CA[AUTHORITY]


def test_new_trust_reaches_a_certificate_that_stays() -> None:
    made = certificates.issued(None, RUNNER, CA, NOW)
    wider = {**CA, AUTHORITY: CA[AUTHORITY] + certificates.authority(None, NOW)[CERTIFICATE]}
    again = certificates.issued(made, RUNNER, wider, NOW)
    assert (again[CERTIFICATE], again[AUTHORITY]) == (made[CERTIFICATE], wider[AUTHORITY])


def test_nothing_is_signed_without_an_authority() -> None:
    with pytest.raises(ValueError, match="authority"):
        certificates.issued(None, RUNNER, {}, NOW)


def shake_hands(server: Data, client: Data, name: str) -> str | None:
    """What a client with one certificate and a server with another say of each other over a real connection."""
    near, far = socket.socketpair()
    failures: list[str] = []

    def serve() -> None:
        try:
            with server_context(identity(server)).wrap_socket(far, server_side=True) as stream:
                stream.recv(1)
        except (ssl.SSLError, OSError) as problem:
            failures.append(str(problem))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client_context(identity(client)).wrap_socket(near, server_hostname=name) as stream:
            stream.send(b"x")
            stream.recv(1)
    except (ssl.SSLError, OSError) as problem:
        failures.append(str(problem))
    thread.join()
    near.close()
    far.close()
    return failures[0] if failures else None


def identity(data: Data) -> Identity:
    return Identity(data[AUTHORITY], data[CERTIFICATE], data[KEY])


def test_tls_takes_them_in_their_places_and_in_no_others() -> None:
    now = datetime.now(UTC)
    ca = certificates.authority(None, now)
    runner, gateway, operator = (certificates.issued(None, each, ca, now) for each in (RUNNER, GATEWAY, OPERATOR))
    name = RUNNER.dns[0]
    assert shake_hands(runner, gateway, name) is None
    assert shake_hands(runner, operator, name) is None
    assert shake_hands(runner, runner, name) is not None  # a runner is nobody's client
    assert shake_hands(gateway, operator, name) is not None  # not the name that was asked for
    stranger = certificates.authority(None, now)
    assert shake_hands(runner, certificates.issued(None, OPERATOR, stranger, now), name) is not None
