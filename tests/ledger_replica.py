"""One replica of a test: counts as fast as it can, and says what it has counted and what is known to be kept."""

from __future__ import annotations

import sys

from seglam.gateway.ledger import Ledger, Ledgerbase


def main(url: str, batches: int) -> None:
    """Count for two tenants; `batches` of 0 goes on until killed."""
    base = Ledgerbase(url)
    ledger = Ledger(base, flush_s=None)
    counted = number = 0
    while not batches or number < batches:
        for _ in range(50):
            ledger.add("team-a", {"hits": 1, "answer_characters": 3}, "double")
            ledger.add("team-b", {"hits": 1}, "double")
            counted += 1
        number += 1
        print("counted", counted, flush=True)
        ledger.flush()
        print("kept", counted, flush=True)
    ledger.close()
    base.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
