"""Asks each address of the command line until it answers 200; ends with 1 where one does not within a minute."""

from __future__ import annotations

import sys
import time
import urllib.error
import urllib.request

SECONDS = 60.0


def answer(url: str) -> str:
    """What the address says: its status, or why there is none."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return str(response.status)
    except urllib.error.HTTPError as error:
        return str(error.code)
    except OSError as error:
        return f"no answer: {error}"


def main(urls: list[str]) -> int:
    """Ask them all; the number of those that did not answer."""
    end = time.monotonic() + SECONDS
    waiting = {url: answer(url) for url in urls}
    while any(said != "200" for said in waiting.values()) and time.monotonic() < end:
        time.sleep(1)
        waiting = {url: answer(url) for url in urls}
    for url, said in waiting.items():
        print(url, said)
    return sum(said != "200" for said in waiting.values())


if __name__ == "__main__":
    sys.exit(min(1, main(sys.argv[1:])))
