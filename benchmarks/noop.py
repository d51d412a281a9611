"""A FastAPI server that does nothing: the floor of a request over HTTP. Prints its address, as `seglam serve` does."""

from __future__ import annotations

import json
import socket

import uvicorn
from fastapi import FastAPI

app = FastAPI()


@app.post("/v1/requests")
async def no_op(body: dict[str, str]) -> dict[str, str]:
    """Read a JSON object; the same answer to all."""
    return {"answer": "no-op"}


def main() -> None:
    """Serve on a free port of this machine until terminated."""
    # With the protocol named, as asyncio sets TCP_NODELAY only then.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        print(json.dumps({"url": f"http://127.0.0.1:{listening.getsockname()[1]}"}), flush=True)
        uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[listening])


if __name__ == "__main__":
    main()
