"""Reading a store that another process may hold: read only, one consistent state, nothing is locked."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from seglam.gateway.faults import clear
from seglam.gateway.store.tables import DEFAULT_TENANT


def imports(path: Path) -> list[dict[str, Any]]:
    """The imported packs, oldest first, each procedure with its state here now. `StoreError` if it cannot be read."""
    with clear(path), closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'imports'").fetchone():
            return []
        tenants = connection.execute("SELECT 1 FROM pragma_table_info('revisions') WHERE name = 'tenant'").fetchone()
        ours = f" WHERE tenant = '{DEFAULT_TENANT}'" if tenants else ""  # an older file is not migrated by reading it
        states = dict(connection.execute(f"SELECT digest, state FROM revisions{ours}").fetchall())
        found = [dict(row) for row in connection.execute("SELECT * FROM imports ORDER BY at, release")]
    for row in found:
        procedures = json.loads(row["procedures"])
        row["procedures"] = [{**each, "state": states.get(each["digest"], "gone")} for each in procedures]
        row["decision"] = json.loads(row["decision"])
    return found
