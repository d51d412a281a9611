"""The marketplace: finding a pack, trying it, reading where it comes from, and what it takes to import it.

It shows what the API shows and decides through what the API decides through; see `seglam.web.pages` for how.
"""

from __future__ import annotations

from seglam.registry.pages.catalogue import Catalogue, RegistryCatalogue
from seglam.registry.pages.routes import Marketplace

__all__ = ["Catalogue", "Marketplace", "RegistryCatalogue"]
