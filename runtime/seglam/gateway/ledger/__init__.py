"""The savings ledger: what was counted, for whom, and what it comes to."""

from __future__ import annotations

from seglam.gateway.ledger.database import Keeping, LedgerAddressInvalid, Ledgerbase
from seglam.gateway.ledger.ledger import FLUSH_SECONDS, Account, Ledger, today
from seglam.gateway.ledger.tables import LEDGER

__all__ = ["FLUSH_SECONDS", "LEDGER", "Account", "Keeping", "Ledger", "LedgerAddressInvalid", "Ledgerbase", "today"]
