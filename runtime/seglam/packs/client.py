"""A client of OCI registries (distribution-spec 1.1): pull, push, referrers; all bytes are checked by their digests."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Any

from seglam.packs import oci, strictjson
from seglam.packs.blobs import BlobCache
from seglam.packs.manifest import MAX_CONTENT_BYTES, MAX_PACK_JSON_BYTES
from seglam.packs.names import PackName, is_digest
from seglam.packs.oci import Descriptor
from seglam.packs.pack import Pack
from seglam.packs.problems import BlobDamaged, PackInvalid, TransportError
from seglam.packs.transport import Answer, Settings, Transport
from seglam.packs.versions import Version, VersionInvalid

_ACCEPT = f"{oci.MANIFEST}, {oci.INDEX}"
_MAX_PAGES = 50
# Tools that write an index anew leave the type out, or take the config's.
_MAY_BE_BUNDLES = ("", oci.BUNDLE, oci.EMPTY)
_SMALL = 64 * 1024


class OciClient:
    """Talks to one registry. Synchronous and safe to share between threads; in an event loop, call it in a thread."""

    def __init__(
        self,
        base_url: str,
        *,
        token: str | None = None,
        credentials: tuple[str, str] | None = None,
        public_only: bool = False,
        cache: BlobCache | None = None,
        timeout: float = 30.0,
        total: float = 600.0,
        attempts: int = 3,
        ca: str | None = None,
    ) -> None:
        """A client of the registry at `base_url`.

        Args:
            base_url: `https://HOST[:PORT]` or `http://HOST[:PORT]`, without path.
            token: sent as bearer token with each request to this registry.
            credentials: user and password for the token service that the registry names, or for itself.
            public_only: use https only, and refuse every address that is not public, after the name was resolved.
            cache: where blobs are kept between calls.
            timeout: seconds for each step of one request.
            total: seconds for one answer.
            attempts: how often a call that may be repeated is tried in all.
            ca: file of certificates to trust instead of the usual ones.

        Raises:
            ValueError: the address is none.
        """
        settings = Settings(token, credentials, public_only, timeout, total, attempts, ca)
        self._http = Transport(base_url, settings)
        self._cache = cache

    def __enter__(self) -> OciClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def tags(self, name: PackName) -> tuple[str, ...]:
        """Tags of a pack, empty if the registry does not know it.

        Raises:
            TransportError: the registry did not answer, or not as it should.
        """
        found: list[str] = []
        for page in self._pages(f"/v2/{name}/tags/list", name):
            tags = page.get("tags") if isinstance(page, dict) else None
            if not isinstance(tags, list | None) or not all(isinstance(tag, str) for tag in tags or ()):
                raise TransportError("answer", f"the registry's list of tags of {name} is none")
            found += tags or ()
        return tuple(dict.fromkeys(found))

    def resolve(self, name: PackName, reference: str) -> Descriptor:
        """What a tag or digest points at.

        Raises:
            TransportError: `not-found`, or the registry did not answer as it should.
            PackInvalid: the manifest has another digest than was asked for.
        """
        manifest, media_type = self._manifest(name, reference)
        return Descriptor.to(media_type, manifest)

    def pull(self, name: PackName, reference: str) -> Pack:
        """The pack that a tag or digest points at.

        Raises:
            TransportError: `not-found`, or the registry did not answer as it should.
            PackInvalid: what came is no pack, or one of another name, digest or version (`name`, `digest`, `version`).
        """
        manifest, _ = self._manifest(name, reference)
        config, content = oci.pack_parts(manifest)
        pack = Pack.read(
            manifest,
            self._blob(name, config, MAX_PACK_JSON_BYTES),
            self._blob(name, content, MAX_CONTENT_BYTES),
            digest=reference if is_digest(reference) else None,
        )
        if pack.release.name != name:
            raise PackInvalid("name", "pack.json", f"it is the pack {pack.release.name}, and {name} was asked for")
        if _is_version(reference) and pack.release.tag != reference:
            raise PackInvalid("version", "pack.json", f"it has the version {pack.release.version}, not {reference}")
        return pack

    def referrers(self, name: PackName, digest: str) -> tuple[bytes, ...]:
        """The bundles that are attached to a manifest, by the referrers API or by the referrers tag.

        Other referrers, and manifests that attach no single bundle, are passed over: anybody who may push can add
        them, and a bundle that is missing denies where it is required.

        Raises:
            TransportError: the registry did not answer as it should.
            PackInvalid: a blob or manifest has another digest than it should.
        """
        bundles: dict[str, bytes] = {}
        for entry in self._referring(name, digest):
            if entry.media_type != oci.MANIFEST or entry.artifact_type not in _MAY_BE_BUNDLES:
                continue
            manifest, _ = self._manifest(name, entry.digest)
            try:
                layer = oci.bundle_of(manifest, digest)
            except PackInvalid:
                continue
            if layer is not None and layer.digest not in bundles:
                bundles[layer.digest] = self._blob(name, layer, oci.MAX_BUNDLE_BYTES)
                oci.check_bundles(bundles.values())
        return tuple(bundles.values())

    def push(self, pack: Pack, bundles: Iterable[bytes] = ()) -> None:
        """Put a pack with its tag, and its bundles. What is there already is not sent again.

        Raises:
            TransportError: `denied`, `exists` (the tag points at another pack), or another answer.
        """
        name, tag = pack.release.name, pack.release.tag
        if self._present(name, tag) not in (None, pack.digest):
            raise TransportError("exists", f"{pack.release} is another pack there; a version is published once")
        for descriptor, data in pack.parts:
            self._upload(name, descriptor, data)
        if self._present(name, tag) is None:
            self._put_manifest(name, tag, pack.manifest, oci.MANIFEST)
        self.attach(name, pack.descriptor, bundles)

    def attach(self, name: PackName, subject: Descriptor, bundles: Iterable[bytes]) -> None:
        """Attach bundles to a manifest that is there; those that are attached already are not sent again.

        Raises:
            TransportError: `denied`, or another answer.
            PackInvalid: a bundle is none.
        """
        held = {entry.digest for entry in self._referring(name, subject.digest)}
        tagged: list[Descriptor] = []
        for bundle in dict.fromkeys(bundles):
            manifest = oci.bundle_manifest(bundle, subject)
            entry = oci.referrer(manifest)
            if entry.digest in held:
                continue
            self._upload(name, Descriptor.to(oci.EMPTY, oci.EMPTY_BYTES), oci.EMPTY_BYTES)
            self._upload(name, Descriptor.to(oci.BUNDLE, bundle), bundle)
            answer = self._put_manifest(name, entry.digest, manifest, oci.MANIFEST)
            if answer.headers.get("OCI-Subject") != subject.digest:
                tagged.append(entry)
        if tagged:
            self._tag_referrers(name, subject.digest, tagged)

    def _tag_referrers(self, name: PackName, digest: str, entries: list[Descriptor]) -> None:
        """Add to the referrers tag, which a registry without the API leaves to its clients.

        Two clients may write it at once, and registries have no condition for that; so it is read again, and written
        again if an entry is missing.
        """
        tag = oci.referrers_tag(digest)
        for _ in range(5):
            value = self._tagged_index(name, tag)
            listed = {entry.digest for entry in oci.entries_of(value, tag)}
            missing = [entry.value() for entry in entries if entry.digest not in listed]
            if not missing:
                return
            value["manifests"] = [*value["manifests"], *missing]
            self._put_manifest(name, tag, strictjson.write(value), oci.INDEX)
        raise TransportError("referrers", f"the referrers of {digest} are being changed by others; try again")

    def _tagged_index(self, name: PackName, tag: str) -> dict[str, Any]:
        answer = self._http.get(_manifest_path(name, tag), oci.MAX_MANIFEST_BYTES, accept=oci.INDEX, scope=_pull(name))
        if answer.status == 404:
            return {"schemaVersion": 2, "mediaType": oci.INDEX, "manifests": []}
        body = _checked(answer, f"the referrers of {name}", 200).body
        value: dict[str, Any] = strictjson.read(body, tag, limit=oci.MAX_MANIFEST_BYTES)
        oci.entries_of(value, tag)
        return value

    def _referring(self, name: PackName, digest: str) -> list[Descriptor]:
        """Descriptors of the referrers: by the API, or by the tag if the registry has none."""
        if not is_digest(digest):
            raise ValueError(f"{digest[:80]!r} is no digest")
        entries: list[Descriptor] = []
        by_api = False
        for page in self._pages(f"/v2/{name}/referrers/{digest}", name):
            by_api = True
            entries += oci.entries_of(page, "referrers")
            if len(entries) > oci.MAX_REFERRERS:
                break
        if not by_api:
            entries = oci.entries_of(self._tagged_index(name, oci.referrers_tag(digest)), "referrers")
        if len(entries) > oci.MAX_REFERRERS:
            raise PackInvalid("referrers", "referrers", f"{digest} has more than {oci.MAX_REFERRERS} of them")
        return list({entry.digest: entry for entry in entries}.values())

    def _pages(self, path: str, name: PackName) -> Iterable[Any]:
        """The JSON of a list, page by page; none at all if the registry does not know the path."""
        target: str | None = path
        for number in range(_MAX_PAGES):
            answer = self._http.get(target or "", oci.MAX_MANIFEST_BYTES, scope=_pull(name))
            if answer.status == 404 and number == 0:
                return
            body = _checked(answer, path, 200).body
            yield strictjson.read(body, path, limit=oci.MAX_MANIFEST_BYTES)
            target = _next(answer)
            if target is None:
                return
        raise TransportError("answer", f"the registry lists more than {_MAX_PAGES} pages of {path}")

    def _manifest(self, name: PackName, reference: str) -> tuple[bytes, str]:
        """Bytes and media type of a manifest."""
        if not is_digest(reference) and not oci.is_tag(reference):
            raise ValueError(f"{reference[:130]!r} is neither a tag nor a digest")
        kept = self._kept(reference) if is_digest(reference) else None
        if kept is not None:
            return kept, oci.MANIFEST
        path = _manifest_path(name, reference)
        answer = self._http.get(path, oci.MAX_MANIFEST_BYTES, accept=_ACCEPT, scope=_pull(name))
        body = _checked(answer, f"{name} {reference}", 200).body
        found = oci.digest_of(body)
        asked = reference if is_digest(reference) else answer.headers.get("Docker-Content-Digest", found)
        if found != asked:
            raise PackInvalid(
                "digest", f"{name} {reference}", f"the manifest has the digest {found} instead of {asked}"
            )
        media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        if self._cache is not None and media_type == oci.MANIFEST:
            self._cache.put(body)
        return body, media_type

    def _blob(self, name: PackName, descriptor: Descriptor, limit: int) -> bytes:
        where = f"{name} {descriptor.digest}"
        if descriptor.size > limit:
            raise PackInvalid("blob-size", where, f"it has {descriptor.size} bytes, at most {limit} are read")
        kept = self._kept(descriptor.digest)
        if kept is not None:
            return descriptor.check(kept, where)
        path = f"/v2/{name}/blobs/{descriptor.digest}"
        answer = _checked(self._http.get(path, descriptor.size, scope=_pull(name)), where, 200)
        data = descriptor.check(answer.body, where)
        if self._cache is not None:
            self._cache.put(data)
        return data

    def _kept(self, digest: str) -> bytes | None:
        try:
            return self._cache.get(digest) if self._cache is not None else None
        except BlobDamaged:
            return None  # it was removed; the registry has the bytes

    def _present(self, name: PackName, reference: str) -> str | None:
        """Digest of the manifest under a tag or digest, None if there is none."""
        try:
            return oci.digest_of(self._manifest(name, reference)[0])
        except TransportError as error:
            if error.code == "not-found":
                return None
            raise

    def _upload(self, name: PackName, descriptor: Descriptor, data: bytes) -> None:
        """Put a blob that is not there yet: POST for an address, PUT of the whole to it."""
        path, scope = f"/v2/{name}/blobs/", _push(name)
        there = self._http.request("HEAD", path + descriptor.digest, limit=_SMALL, scope=scope, again=True)
        if there.status == 200:
            return
        if there.status != 404:
            _checked(there, f"{name} {descriptor.digest}", 404)
        begun = self._http.request("POST", path + "uploads/", limit=_SMALL, scope=scope, body=b"")
        location = _checked(begun, f"an upload to {name}", 202).headers.get("Location", "")
        target = self._http.local(location).copy_merge_params({"digest": descriptor.digest})
        headers = {"Content-Type": "application/octet-stream"}
        done = self._http.request("PUT", str(target), limit=_SMALL, headers=headers, body=data, scope=scope)
        _checked(done, f"an upload to {name}", 201)

    def _put_manifest(self, name: PackName, reference: str, data: bytes, media_type: str) -> Answer:
        path, headers = _manifest_path(name, reference), {"Content-Type": media_type}
        # The same bytes at the same place: repeating it changes nothing.
        answer = self._http.request(
            "PUT", path, limit=_SMALL, headers=headers, body=data, scope=_push(name), again=True
        )
        found = _checked(answer, f"{name} {reference}", 201).headers.get("Docker-Content-Digest", oci.digest_of(data))
        if found != oci.digest_of(data):
            raise TransportError("answer", f"the registry keeps {name} {reference} under another digest, {found}")
        return answer


def _checked(answer: Answer, what: str, status: int) -> Answer:
    """The answer, if it has the status that is due."""
    if answer.status == status:
        return answer
    said = _said(answer.body)
    words = f"the registry answers {answer.status} for {what}" + (f": {said}" if said else "")
    code = {401: "denied", 403: "denied", 404: "not-found", 409: "exists", 413: "too-large", 429: "busy"}.get(
        answer.status, "answer"
    )
    raise TransportError(code, words, status=answer.status, retriable=answer.status >= 500 or answer.status == 429)


def _said(body: bytes) -> str:
    """What a registry says of an error (distribution-spec, "Error Codes"; problem+json), in printable characters."""
    try:
        value = strictjson.read(body, "answer")
    except PackInvalid:
        return ""
    first = value.get("errors") if isinstance(value, dict) else None
    if isinstance(first, list) and first and isinstance(first[0], dict):
        value = first[0]
    said = (value.get("message") or value.get("detail") or value.get("code")) if isinstance(value, dict) else None
    return "".join(character for character in said[:300] if character.isprintable()) if isinstance(said, str) else ""


def _next(answer: Answer) -> str | None:
    """Target of the Link header with rel="next" (RFC 8288)."""
    for link in answer.headers.get("Link", "").split(","):
        address, _, parameters = link.strip().partition(">")
        if address.startswith("<") and any(
            part.strip() in ('rel="next"', "rel=next") for part in parameters.split(";")
        ):
            return address[1:]
    return None


def _manifest_path(name: PackName, reference: str) -> str:
    return f"/v2/{name}/manifests/{reference}"


def _pull(name: PackName) -> str:
    return f"repository:{name}:pull"


def _push(name: PackName) -> str:
    return f"repository:{name}:pull,push"


def _is_version(text: str) -> bool:
    try:
        Version.parse(text)
    except VersionInvalid:
        return False
    return True
