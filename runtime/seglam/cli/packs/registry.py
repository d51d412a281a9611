"""The registry's own API, `/api/v1`: tokens, publications, search, yanking. Refusals are one line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglam.cli.client import token_of
from seglam.cli.exits import CliError, Exit
from seglam.cli.output import one_line
from seglam.cli.packs.places import LOCAL_ORIGIN

if TYPE_CHECKING:
    import httpx2

TIMEOUT_S = 120.0
CODES = {
    400: Exit.USAGE,
    401: Exit.MISSING,
    403: Exit.NEGATIVE,
    404: Exit.DATA,
    409: Exit.NEGATIVE,
    412: Exit.NEGATIVE,
    422: Exit.NEGATIVE,
}
REMEDIES = {
    401: "get a fresh identity token",
    403: "ask an owner of the namespace",
    404: "correct the name or --registry",
    409: "a version is never published twice: raise `version` in pack.yaml",
    413: "make the pack smaller",
    429: "wait and try again",
}
FREE = "it is free: make it yours with `seglam pack namespace claim`, or publish with --claim"
BY_CODE = {
    "unknown-namespace": FREE,
    "claims-closed": "ask an administrator of the registry to give it to you",
    "role": "ask an owner: `seglam pack namespace add NAMESPACE YOU --role publisher`",
    "last-owner": "add another owner first",
}
WORDS = 600


class Registry:
    """One registry's API.

    Args:
        url: its address, without a path.
    """

    def __init__(self, url: str) -> None:
        import httpx2

        self.url = url
        self._http = httpx2.Client(base_url=url, timeout=TIMEOUT_S, headers={"Accept": "application/json"})

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def authorize(self, identity_token: str, namespace: str, scopes: list[str] | None) -> None:
        """Exchange an identity token for one of this registry, which later calls use. Neither is ever printed.

        Args:
            scopes: what for; None for all that the identity may.
        """
        body: dict[str, object] = {"token": identity_token, "namespace": namespace}
        if scopes is not None:
            body["scopes"] = scopes
        reply = self.call("POST", "/api/v1/tokens", json=body)
        self._http.headers["Authorization"] = f"Bearer {reply.json()['token']}"

    def get(self, path: str, **parameters: str) -> dict[str, Any]:
        """`GET` of an address."""
        found: dict[str, Any] = self.call("GET", path, params=parameters).json()
        return found

    def find(self, path: str) -> httpx2.Response | None:
        """`GET` of an address; None if the registry has nothing there."""
        reply = self._send("GET", path)
        if reply.status_code == 404:
            return None
        if reply.status_code >= 400:
            raise refusal(reply, self.url)
        return reply

    def call(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        json: object = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """One exchange; `CliError` explains a refusal with the registry's own code."""
        reply = self._send(method, path, content=content, json=json, params=params, headers=dict(headers or {}))
        if reply.status_code >= 400:
            raise refusal(reply, self.url)
        return reply

    def change(self, method: str, address: str, path: str, body: object = None) -> httpx2.Response:
        """Change what is at an address, as it is now: nobody else's change meanwhile is overwritten.

        Args:
            path: below the address.
        """
        tag = self.call("GET", address).headers["ETag"]
        return self.call(method, f"{address}/{path}", json=body, headers={"If-Match": tag})

    def _send(self, method: str, path: str, **more: Any) -> httpx2.Response:
        import httpx2

        try:
            return self._http.request(method, path, **more)
        except httpx2.TimeoutException as error:
            raise CliError(
                "the registry did not answer in time", "run it again", Exit.MISSING, where=self.url
            ) from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            what = f"no registry answers there ({type(error).__name__})"
            remedy = "start one with `seglam serve`, or correct --registry"
            raise CliError(what, remedy, Exit.MISSING, where=self.url) from error


def refusal(reply: httpx2.Response, where: str) -> CliError:
    """A problem document as an error of the command line."""
    try:
        problem = reply.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        return CliError(f"the reply is no registry's (HTTP {reply.status_code})", "correct --registry", Exit.MISSING,
                        where=where)  # fmt: skip
    return explained(problem, reply.status_code, where)


def explained(problem: Mapping[str, Any], status: int, where: str) -> CliError:
    """A problem as one line: what the registry found, its code, and what to do."""
    words = str(problem.get("detail") or problem.get("title") or f"HTTP {status}")
    code = str(problem.get("code") or str(problem.get("type", "")).rpartition(":")[2].rpartition("/")[2])
    what = one_line(words, WORDS).rstrip(".") + (f" ({one_line(code, 60)})" if code else "")
    remedy = BY_CODE.get(code) or REMEDIES.get(
        status, "correct it and run it again" if status < 500 else "try again; look at the registry"
    )
    return CliError(what, remedy, CODES.get(status, Exit.MISSING if status >= 500 else Exit.NEGATIVE), where=where)


@contextmanager
def registry(url: str) -> Iterator[Registry]:
    """A registry, closed at the end."""
    opened = Registry(url)
    try:
        yield opened
    finally:
        opened.close()


def identity_token(token_file: Path | None, origin: str, data_dir: Path) -> str:
    """The token that says who publishes: of a file, or for the registry of this machine one of its own issuer."""
    if token_file is not None:
        return token_of(token_file)
    from seglam.registry.access.issuers import AUDIENCE
    from seglam.registry.access.local import FILE, LocalIssuer

    file = data_dir / "registry" / FILE
    if origin != LOCAL_ORIGIN or not file.exists():
        raise CliError("nobody says who publishes", "name an OIDC token with --token-file", Exit.USAGE)
    try:
        return LocalIssuer(file).mint(AUDIENCE)
    except OSError as error:
        raise CliError(str(error), "correct the file's mode", where=str(file)) from error
