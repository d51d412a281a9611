"""Asks the gateway from within a pod, one request or a steady load, and says what came of it. Standard library only.

    python3 asking.py <plan.json >result.json

The plan: {"url", "tokenFile", "requests": [{"text", "answer"?}], "count" or "stopFile", "threads", "onlyIfCached"}.
Every request is sent once; a connection that broke is a failure of that request, and the next one gets a new one.
"""

from __future__ import annotations

import http.client
import itertools
import json
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_S = 10


class Load:
    """A load of requests from several threads, and the counts of what they got."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._plan = plan
        self._address = urlsplit(plan["url"]).netloc
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self.hits = 0
        self.wrong: list[dict[str, Any]] = []
        self.other: Counter[str] = Counter()
        self.troubles: list[tuple[float, str]] = []
        self.milliseconds: list[float] = []
        self.last: dict[str, Any] = {}

    def run(self) -> dict[str, Any]:
        """Send everything; returns the result."""
        threads = [threading.Thread(target=self._work) for _ in range(self._plan.get("threads", 1))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        times = sorted(self.milliseconds) or [0.0]
        return {
            "sent": self.hits + len(self.wrong) + sum(self.other.values()),
            "hits": self.hits,
            "wrong": self.wrong,
            "other": dict(self.other),
            "troubles": self.troubles[:200],
            "seconds": round(time.monotonic() - self._began, 3),
            "p50Ms": round(times[len(times) // 2], 3),
            "p99Ms": round(times[len(times) * 99 // 100], 3),
            "maxMs": round(times[-1], 3),
            "last": self.last,
        }

    def _work(self) -> None:
        connection: http.client.HTTPConnection | None = None
        while self._goes_on():
            asked = self._plan["requests"][next(self._numbers) % len(self._plan["requests"])]
            connection = connection or http.client.HTTPConnection(self._address, timeout=TIMEOUT_S)
            began = time.monotonic()
            try:
                status, answer = self._ask(connection, asked["text"])
            except (OSError, http.client.HTTPException, ValueError) as problem:
                self._trouble(type(problem).__name__)
                connection.close()
                connection = None
                time.sleep(0.01)
                continue
            self._judge(asked, status, answer, (time.monotonic() - began) * 1e3)

    def _goes_on(self) -> bool:
        if "count" in self._plan:
            with self._lock:
                self._plan["count"] -= 1
                return bool(self._plan["count"] >= 0)
        return not Path(self._plan["stopFile"]).exists()

    def _ask(self, connection: http.client.HTTPConnection, text: str) -> tuple[int, dict[str, Any]]:
        headers = {"Content-Type": "application/json"}
        if token := self._plan.get("tokenFile"):
            headers["Authorization"] = f"Bearer {Path(token).read_text()}"
        if self._plan.get("onlyIfCached"):
            headers["Cache-Control"] = "only-if-cached"
        connection.request("POST", "/v1/requests", json.dumps({"text": text}), headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())

    def _judge(self, asked: dict[str, Any], status: int, answer: dict[str, Any], milliseconds: float) -> None:
        with self._lock:
            self.last = {"status": status, **answer}
        if answer.get("outcome") != "hit":
            self._trouble(f"{status} {answer.get('reason') or answer.get('code') or answer.get('title')}")
        elif "answer" in asked and answer["answer"] != asked["answer"]:
            with self._lock:
                self.wrong.append({"text": asked["text"], "expected": asked["answer"], "got": answer["answer"]})
        else:
            with self._lock:
                self.hits += 1
                self.milliseconds.append(milliseconds)

    def _trouble(self, name: str) -> None:
        with self._lock:
            self.other[name] += 1
            self.troubles.append((round(time.monotonic() - self._began, 3), name))


if __name__ == "__main__":
    json.dump(Load(json.load(sys.stdin)).run(), sys.stdout)
