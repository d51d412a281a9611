"""Which addresses a client may talk to when others choose them (server-side request forgery)."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading

import httpx2

from seglam.packs.problems import TransportError

_UNICAST = ipaddress.ip_network("2000::/3")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_public(text: str) -> bool:
    """Whether an IP address is one of the public Internet, also when it is written inside an IPv6 address."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if address not in _UNICAST:  # such as ::/96, which some stacks take for IPv4
            return False
    return address.is_global and not address.is_multicast


def public_addresses(host: str, port: int) -> list[str]:
    """The addresses of a host, if all of them are public.

    Raises:
        TransportError: `unreachable` if it has none, `private-address` if one is not public.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise TransportError("unreachable", f"{host} has no address: {error}", retriable=True) from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if not is_public(address):
            raise TransportError("private-address", f"{host} has the address {address}, which is not public")
    return addresses


class PublicTransport(httpx2.BaseTransport):
    """Sends requests by https to public addresses only.

    The name is resolved once for each request, and the connection goes to an address that was checked, so that a name
    which changes its address in between (DNS rebinding) wins nothing. The certificate is checked against the name.
    """

    def __init__(self, verify: ssl.SSLContext | bool = True) -> None:
        self._verify = verify
        self._inner: dict[str, httpx2.HTTPTransport] = {}
        self._lock = threading.Lock()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url
        if url.scheme != "https":
            raise TransportError("insecure", f"{url.host} would be asked without TLS")
        addresses = public_addresses(url.host, url.port or 443)
        for number, address in enumerate(addresses):
            aimed = httpx2.Request(
                request.method,
                url.copy_with(host=address),
                headers=request.headers,  # with the Host of the name
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": url.host},
            )
            try:
                return self._of(url.host).handle_request(aimed)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                if number == len(addresses) - 1:
                    raise
        raise AssertionError("a resolved name has an address")

    def close(self) -> None:
        with self._lock:
            for inner in self._inner.values():
                inner.close()

    def _of(self, host: str) -> httpx2.HTTPTransport:
        # One pool for each name: two names of one address must not share a connection.
        with self._lock:
            return self._inner.setdefault(host, httpx2.HTTPTransport(verify=self._verify, trust_env=False))
