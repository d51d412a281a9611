"""The peers as caches with two operations: `put` a question with its answer, `get` an answer or nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from benchmarks.peers.minilm import WIDTH, Vector


class AnswerCache(Protocol):
    """What stores answers and serves them."""

    def put(self, question: str, answer: str) -> None:
        """Keep an answer."""

    def get(self, question: str) -> str | None:
        """The answer that the cache would serve, None for a miss."""


class Threshold:
    """The nearest stored question by cosine, served if it is at least as near as a threshold."""

    def __init__(self, encode: Callable[[str], Vector], threshold: float) -> None:
        self._encode, self._threshold = encode, threshold
        self._answers: list[str] = []
        self._vectors = np.empty((1024, WIDTH), dtype=np.float32)

    def put(self, question: str, answer: str) -> None:
        """See `AnswerCache.put`."""
        if len(self._answers) == len(self._vectors):
            self._vectors = np.concatenate([self._vectors, np.empty_like(self._vectors)])
        self._vectors[len(self._answers)] = self._encode(question)
        self._answers.append(answer)

    def get(self, question: str) -> str | None:
        """See `AnswerCache.get`."""
        if not self._answers:
            return None
        scores = self._vectors[: len(self._answers)] @ self._encode(question)
        best = int(scores.argmax())
        return self._answers[best] if scores[best] >= self._threshold else None


class Exact:
    """A question's very text."""

    def __init__(self) -> None:
        self._answers: dict[str, str] = {}

    def put(self, question: str, answer: str) -> None:
        """See `AnswerCache.put`."""
        self._answers[question] = answer

    def get(self, question: str) -> str | None:
        """See `AnswerCache.get`."""
        return self._answers.get(question)


class GptCache:
    """GPTCache with its SQLite and faiss stores, its own evaluation of distances and its default threshold of 0.8.

    Args:
        directory: an empty directory for the stores.
        encode: the encoder; GPTCache's own would be downloaded.
        dimension: of the encoder's vectors.
    """

    def __init__(self, directory: Path, encode: Callable[[str], Vector], dimension: int) -> None:
        from gptcache import Cache, Config
        from gptcache.manager import CacheBase, VectorBase, get_data_manager
        from gptcache.processor.pre import get_prompt
        from gptcache.similarity_evaluation.distance import SearchDistanceEvaluation

        self._cache: Any = Cache()
        self._cache.init(
            pre_embedding_func=get_prompt,
            embedding_func=lambda text, **_: encode(text),
            data_manager=get_data_manager(
                CacheBase("sqlite", sql_url=f"sqlite:///{directory / 'gptcache.db'}"),
                VectorBase("faiss", dimension=dimension, index_path=str(directory / "faiss.index")),
                max_size=1_000_000,
            ),
            similarity_evaluation=SearchDistanceEvaluation(),
            config=Config(),
        )

    def put(self, question: str, answer: str) -> None:
        """See `AnswerCache.put`."""
        from gptcache.adapter.api import put

        put(question, answer, cache_obj=self._cache)

    def get(self, question: str) -> str | None:
        """See `AnswerCache.get`."""
        from gptcache.adapter.api import get

        answer = get(question, cache_obj=self._cache)
        return None if answer is None else str(answer)


def cache_of(name: str, directory: Path, encode: Callable[[str], Vector]) -> AnswerCache:
    """A peer by its name: `gptcache`, `exact`, or `cosine-0.90` with a threshold; `ValueError` for others.

    Args:
        directory: an empty directory for its stores.
        encode: turns a text into a vector of length 1.
    """
    if name == "exact":
        return Exact()
    if name == "gptcache":
        return GptCache(directory, encode, WIDTH)
    kind, _, threshold = name.partition("-")
    if kind != "cosine":
        raise ValueError(f"there is no peer {name!r}; there are gptcache, exact and cosine-0.90 (any threshold)")
    return Threshold(encode, float(threshold))
