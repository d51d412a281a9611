"""Where the client's bytes come from: a server, with a deadline over everything, or what is on this machine."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx2
from tuf.api.exceptions import DownloadError, DownloadHTTPError, SlowRetrievalError
from tuf.ngclient.fetcher import FetcherInterface

STEP_SECONDS = 10.0
"""No single connect or read waits longer, whatever is left of the deadline."""


class HttpFetcher(FetcherInterface):
    """Fetches over HTTP until one deadline for all requests together.

    Redirects are refused: the metadata's address is configured, and nobody else names one.
    """

    def __init__(self, client: httpx2.Client, seconds: float) -> None:
        self._client = client
        self._until = time.monotonic() + seconds

    def restart(self, seconds: float) -> None:
        """A new deadline."""
        self._until = time.monotonic() + seconds

    def _left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise SlowRetrievalError("the deadline has passed")
        return min(left, STEP_SECONDS)

    def _fetch(self, url: str) -> Iterator[bytes]:
        try:
            request = self._client.build_request("GET", url, timeout=self._left())
            response = self._client.send(request, stream=True, follow_redirects=False)
        except httpx2.TimeoutException as error:
            raise SlowRetrievalError(f"{url}: no answer in time") from error
        except httpx2.HTTPError as error:
            raise DownloadError(f"{url}: {error}") from error
        if response.status_code != 200:
            response.close()
            raise DownloadHTTPError(f"{url}: status {response.status_code}", response.status_code)
        return self._chunks(url, response)

    def _chunks(self, url: str, response: httpx2.Response) -> Iterator[bytes]:
        try:
            for chunk in response.iter_bytes(65_536):
                self._left()
                yield chunk
        except httpx2.TimeoutException as error:
            raise SlowRetrievalError(f"{url}: the answer stopped") from error
        except httpx2.HTTPError as error:
            raise DownloadError(f"{url}: {error}") from error
        finally:
            response.close()


class LocalFetcher(FetcherInterface):
    """Serves what an earlier refresh left in the client's directory, so that the same checks run without a network."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def _fetch(self, url: str) -> Iterator[bytes]:
        name = urlsplit(url).path.rpartition("/")[2]
        version, _, rest = name.partition(".")
        path = self._directory / (rest if version.isdigit() and rest.endswith(".json") else name)
        if rest == "root.json":
            path = self._directory / "root_history" / name
        try:
            return iter([path.read_bytes()])
        except FileNotFoundError as error:
            raise DownloadHTTPError(f"{unquote(name)} is not on this machine", 404) from error


class MappingFetcher(FetcherInterface):
    """Serves files by their path below `base`: metadata of an air-gap file that was read."""

    def __init__(self, base: str, files: Mapping[str, bytes]) -> None:
        self._base = base
        self._files = files

    def _fetch(self, url: str) -> Iterator[bytes]:
        body = self._files.get(url.removeprefix(self._base)) if url.startswith(self._base) else None
        if body is None:
            raise DownloadHTTPError(f"{url} is not in the file", 404)
        return iter([body])
