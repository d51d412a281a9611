"""Kept blobs are hashed before each use: what changed on disk in between is refused."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from seglam.packs import BlobDamaged, PackInvalid, oci
from seglam.packs.blobs import BlobCache

DATA = b"procedures"


@pytest.fixture
def cache(tmp_path: Path) -> BlobCache:
    return BlobCache(tmp_path)


def kept(tmp_path: Path) -> Path:
    (path,) = (tmp_path / "sha256").iterdir()
    return path


def test_what_is_put_is_got(cache: BlobCache, tmp_path: Path) -> None:
    digest = cache.put(DATA)
    assert digest == oci.digest_of(DATA)
    assert cache.get(digest) == DATA
    assert cache.put(DATA, digest) == digest
    assert cache.get(oci.digest_of(b"other")) is None
    assert kept(tmp_path).stat().st_mode & 0o777 == 0o600


def test_bytes_of_another_digest_are_not_kept(cache: BlobCache, tmp_path: Path) -> None:
    with pytest.raises(PackInvalid):
        cache.put(b"evil", oci.digest_of(DATA))
    assert list((tmp_path / "sha256").iterdir()) == []


@pytest.mark.parametrize("place", range(len(DATA)))
def test_a_byte_that_flips_between_check_and_use(cache: BlobCache, tmp_path: Path, place: int) -> None:
    digest = cache.put(DATA)
    assert cache.get(digest) == DATA  # checked
    changed = bytearray(DATA)
    changed[place] ^= 0x20
    kept(tmp_path).write_bytes(changed)
    with pytest.raises(BlobDamaged):
        cache.get(digest)
    assert cache.get(digest) is None
    cache.put(DATA)
    assert cache.get(digest) == DATA


def test_what_is_put_again_replaces_what_was_damaged(cache: BlobCache, tmp_path: Path) -> None:
    digest = cache.put(DATA)
    kept(tmp_path).write_bytes(b"evil")
    cache.put(DATA)
    assert cache.get(digest) == DATA


def test_a_link_to_the_same_bytes_is_no_kept_blob(cache: BlobCache, tmp_path: Path) -> None:
    digest = cache.put(DATA)
    (tmp_path / "elsewhere").write_bytes(DATA)
    kept(tmp_path).unlink()
    (tmp_path / "sha256" / digest[7:]).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BlobDamaged):
        cache.get(digest)
    assert (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("digest", ["sha256:../../etc/passwd", "sha256:", "md5:00", "sha256:" + "A" * 64, "../x"])
def test_a_digest_never_becomes_a_path(cache: BlobCache, digest: str) -> None:
    with pytest.raises(ValueError, match="no digest"):
        cache.get(digest)


def test_many_put_the_same_at_once(cache: BlobCache, tmp_path: Path) -> None:
    threads = [threading.Thread(target=cache.put, args=(DATA * 10_000,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.get(oci.digest_of(DATA * 10_000)) == DATA * 10_000
    assert len(list((tmp_path / "sha256").iterdir())) == 1
