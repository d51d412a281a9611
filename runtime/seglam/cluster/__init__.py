"""A thin asynchronous client of the Kubernetes API. It knows Kubernetes and nothing of SEGLAM."""

from seglam.cluster.changes import Change, Entry, Key, Type
from seglam.cluster.client import Client, Listing, Object, Selection, decode
from seglam.cluster.config import from_kubeconfig, in_cluster, load
from seglam.cluster.connection import Connection, TokenFile
from seglam.cluster.errors import (
    AlreadyExists,
    ClusterError,
    ConfigurationError,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from seglam.cluster.kinds import Builtin, Kind, path_of
from seglam.cluster.watch import Watch

__all__ = [
    "AlreadyExists",
    "Builtin",
    "Change",
    "Client",
    "ClusterError",
    "ConfigurationError",
    "Conflict",
    "Connection",
    "Entry",
    "Forbidden",
    "Gone",
    "Invalid",
    "Key",
    "Kind",
    "Listing",
    "NotFound",
    "Object",
    "Selection",
    "TokenFile",
    "TooLarge",
    "TooManyRequests",
    "Type",
    "Unauthorized",
    "Unavailable",
    "Watch",
    "decode",
    "from_kubeconfig",
    "in_cluster",
    "load",
    "path_of",
]
