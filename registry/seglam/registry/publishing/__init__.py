"""Publishing a pack: received, verified, tested, signed, published; each step is committed and none is done by half."""

from seglam.registry.publishing.publication import Publication, PublishProblem, Stated
from seglam.registry.publishing.publisher import Publisher, Publishing

__all__ = ["Publication", "PublishProblem", "Publisher", "Publishing", "Stated"]
