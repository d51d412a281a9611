"""Ask a gateway as any client of the OpenAI API does, and show who answered.

OPENAI_BASE_URL=http://127.0.0.1:8484/v1 python examples/openai_client.py "Is 2100 a leap year?"
"""

from __future__ import annotations

import os
import sys

import openai


def main(question: str, model: str) -> None:
    """Print the answer, who gave it, and what it took."""
    client = openai.OpenAI(api_key=os.environ.get("OPENAI_API_KEY", "any"))
    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=[{"role": "user", "content": question}], temperature=0
    )
    found = raw.parse()
    print(found.choices[0].message.content)
    print(f"by {found.model}, {found.usage.total_tokens if found.usage else '?'} tokens; {raw.headers['Cache-Status']}")


if __name__ == "__main__":
    try:
        main(
            " ".join(sys.argv[1:]) or "What is the capital of the Republic of Korea?", os.environ.get("MODEL", "gpt-5")
        )
    except openai.APIError as error:
        sys.exit(f"{type(error).__name__}: {error.message}")
