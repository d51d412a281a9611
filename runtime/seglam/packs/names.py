"""Names of packs. The origin is a part of every name, so that a mirror can never pass its own pack off as another's."""

from __future__ import annotations

import re
from dataclasses import dataclass

from seglam.packs.versions import Version, VersionInvalid

MAX_NAME = 200
"""Characters of a whole name; OCI registries refuse repositories over 255 with their host."""

_PART = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_HOST = re.compile(r"(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class NameInvalid(ValueError):
    """A text that names no pack."""


@dataclass(frozen=True, slots=True, order=True)
class PackName:
    """`origin/namespace/pack`; also its OCI repository, at its origin and at every mirror.

    Attributes:
        origin: lower-case host name without port: where the pack was published first.
        namespace, pack: lower-case ASCII letters and digits, joined by single hyphens, 2 to 40 characters.
    """

    origin: str
    namespace: str
    pack: str

    def __post_init__(self) -> None:
        if not _is_origin(self.origin):
            raise NameInvalid(
                f"{self.origin[:MAX_NAME]!r} is no origin: write a lower-case host name without port, "
                "such as registry.acme.example or localhost"
            )
        for what, part in (("namespace", self.namespace), ("pack", self.pack)):
            if not (2 <= len(part) <= 40 and _PART.fullmatch(part)):
                raise NameInvalid(
                    f"{part[:MAX_NAME]!r} is no name of a {what}: write 2 to 40 of a-z, 0-9 and single hyphens"
                )
        if len(str(self)) > MAX_NAME:
            raise NameInvalid(f"the name of a pack has at most {MAX_NAME} characters with its origin")

    @classmethod
    def parse(cls, text: str) -> PackName:
        """Read `origin/namespace/pack`.

        Raises:
            NameInvalid: the text is no such name.
        """
        parts = text.split("/") if len(text) <= MAX_NAME else []
        if len(parts) != 3:
            raise NameInvalid(
                f"{text[:MAX_NAME]!r} is no name of a pack: write ORIGIN/NAMESPACE/PACK, "
                "such as registry.acme.example/calendar/easter"
            )
        return cls(*parts)

    def __str__(self) -> str:
        return f"{self.origin}/{self.namespace}/{self.pack}"


def _is_origin(text: str) -> bool:
    if text == "localhost":
        return True
    labels = text.split(".")
    return (
        len(labels) >= 2
        and len(text) <= MAX_NAME
        and all(_LABEL.fullmatch(label) for label in labels)
        and not labels[-1].isdigit()  # an address
    )


@dataclass(frozen=True, slots=True, order=True)
class Release:
    """One version of a pack: `origin/namespace/pack@1.2.3`."""

    name: PackName
    version: Version

    @classmethod
    def parse(cls, text: str) -> Release:
        """Read `origin/namespace/pack@1.2.3`.

        Raises:
            NameInvalid, VersionInvalid: one half is not what it should be.
        """
        name, at, version = text.partition("@")
        if not at:
            raise NameInvalid(f"{text[:MAX_NAME]!r} says no version: write NAME@VERSION")
        return cls(PackName.parse(name), Version.parse(version))

    @classmethod
    def from_purl(cls, text: str) -> Release:
        """Read a package URL that `purl` wrote; another spelling of it is refused.

        Raises:
            NameInvalid, VersionInvalid: it is another text.
        """
        if not text.startswith("pkg:seglam/"):
            raise NameInvalid(f"{text[:MAX_NAME]!r} is no package URL of a pack: it begins with pkg:seglam/")
        return cls.parse(text.removeprefix("pkg:seglam/"))

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"

    @property
    def purl(self) -> str:
        """`pkg:seglam/origin/namespace/pack@1.2.3`: the name of the subject in every statement."""
        return f"pkg:seglam/{self}"

    @property
    def tag(self) -> str:
        """The OCI tag: the version."""
        return str(self.version)


def is_digest(text: str) -> bool:
    """Whether `text` is `sha256:` and 64 lower-case hexadecimal digits."""
    return _DIGEST.fullmatch(text) is not None


class ReferenceInvalid(ValueError):
    """A text that refers to no pack."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What a command takes: a name, perhaps with a version or digest, perhaps at a registry; or a path.

    Attributes:
        name: None exactly if `path` is given.
        version, digest: at most one of them.
        host: `HOST[:PORT]` of an `oci://` reference, else None.
        path: an OCI image layout: a directory or a tar file.
    """

    name: PackName | None = None
    version: Version | None = None
    digest: str | None = None
    host: str | None = None
    path: str | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read `NAME`, `NAME@VERSION`, `NAME@sha256:...`, `oci://HOST/NAME[:VERSION|@sha256:...]` or a path.

        A path begins with `/`, `./` or `../`, is `.` or `..`, or ends with `.tar`: what a text means never depends on
        which files there are.

        Raises:
            ReferenceInvalid: the text is none of these; the message says what to write.
        """
        if text.startswith("oci://"):
            return _at_registry(text)
        if text in (".", "..") or text.startswith(("/", "./", "../")) or text.endswith(".tar"):
            return cls(path=text)
        name, at, rest = text.partition("@")
        try:
            return _pointed(PackName.parse(name), rest if at else None)
        except (NameInvalid, VersionInvalid) as error:
            raise ReferenceInvalid(f"{error}; for a file or directory write ./PATH") from None

    def __str__(self) -> str:
        if self.path is not None:
            return self.path
        name = str(self.name) if self.host is None else f"oci://{self.host}/{self.name}"
        if self.digest is not None:
            return f"{name}@{self.digest}"
        if self.version is None:
            return name
        return f"{name}{':' if self.host is not None else '@'}{self.version}"


def _pointed(name: PackName, rest: str | None, host: str | None = None) -> Reference:
    if rest is None:
        return Reference(name=name, host=host)
    if rest.startswith("sha256:"):
        if not is_digest(rest):
            raise NameInvalid(f"{rest[:80]!r} is no digest: write sha256: and 64 lower-case hexadecimal digits")
        return Reference(name=name, digest=rest, host=host)
    return Reference(name=name, version=Version.parse(rest), host=host)


def _at_registry(text: str) -> Reference:
    host, _, rest = text.removeprefix("oci://").partition("/")
    if not _HOST.fullmatch(host):
        raise ReferenceInvalid(f"{text[:MAX_NAME]!r} names no registry: write oci://HOST[:PORT]/ORIGIN/NAMESPACE/PACK")
    name, at, digest = rest.partition("@")
    colon = ""
    if not at:
        name, colon, digest = rest.partition(":")
    try:
        if at and not is_digest(digest):
            raise NameInvalid(f"{digest[:80]!r} is no digest; a version stands after a colon here")
        return _pointed(PackName.parse(name), digest if at or colon else None, host)
    except (NameInvalid, VersionInvalid) as error:
        raise ReferenceInvalid(str(error)) from None
