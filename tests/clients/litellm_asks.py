"""What litellm gets from a gateway, as JSON; runs in the environment of `tests.clients`."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from typing import Any


def main(url: str) -> None:
    """Ask hits and misses, at once, streamed and asynchronously, and meet errors."""
    litellm: Any = importlib.import_module("litellm")
    litellm.suppress_debug_info = True
    known: dict[str, Any] = {"api_base": url, "api_key": "any", "num_retries": 0, "max_retries": 0}

    def asked(text: str, model: str = "m") -> dict[str, Any]:
        return {**known, "model": f"openai/{model}", "messages": [{"role": "user", "content": text}]}

    def joined(parts: list[Any]) -> str:
        return "".join(part.choices[0].delta.content or "" for part in parts if part.choices)

    def failing(model: str) -> str:
        try:
            litellm.completion(**asked("who are you", model))
        except litellm.exceptions.APIError as error:
            return type(error).__name__
        except Exception as error:  # noqa: BLE001 the test says which it must be
            return type(error).__name__
        return "none"

    async def later() -> list[str]:
        hit = await litellm.acompletion(**asked("double 5"))
        stream = await litellm.acompletion(**asked("double 6"), stream=True)
        return [hit.choices[0].message.content, joined([part async for part in stream])]

    hit = litellm.completion(**asked("double 4"), temperature=0)
    told = {
        "hit": hit.choices[0].message.content,
        "tokens": hit.usage.total_tokens,
        "model": hit.model,
        "miss": litellm.completion(**asked("who are you")).choices[0].message.content,
        "streamed hit": joined(list(litellm.completion(**asked("double 4"), stream=True))),
        "streamed miss": joined(list(litellm.completion(**asked("who are you"), stream=True))),
        "later": asyncio.run(later()),
        "limited": failing("limited"),
        "broken": failing("broken"),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1])
