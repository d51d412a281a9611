"""Tar archives that have one reading: a canonical writer, and a strict reader with its own loop over the members.

`tarfile` is not used. It reads GNU, pax and sparse members, takes the last of two members with one name, and skips what
it does not know; each is a difference to some other reader. What is read here is ustar (IEEE 1003.1-2001, `pax`,
"ustar interchange format"): a header is compared with the one that we would have written for that path and size.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from seglam.packs.manifest import path_problem, ustar_split
from seglam.packs.problems import PackInvalid

BLOCK = 512
_END = bytes(2 * BLOCK)
_ZERO = bytes(BLOCK)
_MAX_SIZE = 8**11 - 1
"""Eleven octal digits; larger members need a GNU or pax form."""

_NUMBERS = ((100, 108), (108, 116), (116, 124), (136, 148), (329, 337), (337, 345))
"""Mode, owner, group, time and the numbers of a device: not used, but a reader that cannot read them may stop there."""

_REGULAR, _DIRECTORY = b"0", b"5"
_KINDS = {
    b"1": ("link", "a hard link"),
    b"2": ("link", "a symbolic link"),
    b"3": ("device", "a device"),
    b"4": ("device", "a device"),
    b"6": ("device", "a pipe"),
    b"7": ("member-kind", "a contiguous file"),
    b"g": ("pax", "a pax header"),
    b"x": ("pax", "a pax header"),
    b"X": ("pax", "a pax header"),
    b"L": ("gnu", "a GNU long name"),
    b"K": ("gnu", "a GNU long link"),
    b"S": ("sparse", "a sparse file"),
    b"D": ("gnu", "a GNU directory listing"),
    b"M": ("gnu", "a part of a GNU multi-volume archive"),
    b"V": ("gnu", "a GNU volume header"),
    b"\0": ("member-kind", "a member without kind, as before ustar"),
}
_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZ": "bzip2", b"\x28\xb5": "zstd", b"\xfd7": "xz", b"PK": "zip"}


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may have. Counted while it is read, never believed from a header.

    Attributes:
        total: bytes of the whole archive.
        members: number of members.
        member: bytes of one member.
    """

    total: int
    members: int
    member: int


@dataclass(frozen=True, slots=True)
class Member:
    """A member's place in a seekable archive; `offset` is where its `size` bytes begin."""

    path: str
    offset: int
    size: int


def header(path: str, size: int) -> bytes:
    """The 512 bytes before a file: a regular file of mode 0644, owner 0, time 0.

    Raises:
        PackInvalid: the path cannot be one, or the file is too large.
    """
    if problem := path_problem(path):
        raise PackInvalid(problem[0], repr(path[:200]), problem[1])
    if not 0 <= size <= _MAX_SIZE:
        raise PackInvalid("member-size", path, f"a file has at most {_MAX_SIZE} bytes")
    prefix, name = ustar_split(path.encode()) or (b"", b"")  # an allowed path fits
    fields = b"".join(
        (
            name.ljust(100, b"\0"),
            b"0000644\0" + b"0000000\0" * 2,
            b"%011o\0" % size,
            b"00000000000\0",
            b" " * 8,
            _REGULAR,
            bytes(100),
            b"ustar\x0000",
            bytes(64),
            b"0000000\0" * 2,
            prefix.ljust(155, b"\0"),
            bytes(12),
        )
    )
    return fields[:148] + b"%06o\0 " % sum(fields) + fields[156:]


def padding(size: int) -> bytes:
    """What follows `size` bytes of data up to the next block."""
    return bytes(-size % BLOCK)


def write(files: Mapping[str, bytes]) -> bytes:
    """The canonical archive of some files: sorted by the bytes of their paths, and nothing but path, size and bytes.

    Raises:
        PackInvalid: a path does not fit (`path-...`).
    """
    stream = io.BytesIO()
    for path in sorted(files, key=str.encode):
        add(stream, path, files[path])
    finish(stream)
    return stream.getvalue()


def add(stream: BinaryIO, path: str, data: bytes) -> None:
    """Append one file to an archive that is being written."""
    stream.write(header(path, len(data)))
    stream.write(data)
    stream.write(padding(len(data)))


def finish(stream: BinaryIO) -> None:
    """End an archive: two blocks of zeros and nothing after them."""
    stream.write(_END)


def members(stream: BinaryIO, limits: Limits, *, tolerant: bool = False) -> Iterator[Member]:
    """The members of an archive, in order; their data is skipped, not read. After the last one nothing may follow.

    Args:
        stream: seekable, at its start.
        tolerant: whether another tool may have written it: any times, owners, permissions and order, directories, which
            are passed over, and more zeros at the end. Regular files only all the same, and paths that are ours.

    Raises:
        PackInvalid: with the code of what is not allowed.
    """
    end = stream.seek(0, io.SEEK_END)
    if end > limits.total:
        raise PackInvalid("archive-size", "archive", f"it has {end} bytes, at most {limits.total} are read")
    seen: set[str] = set()
    position = count = 0
    while True:
        stream.seek(position)
        block = stream.read(BLOCK)
        where = f"archive: byte {position}"
        if len(block) < BLOCK:
            raise PackInvalid("archive-end", where, "it ends without its two blocks of zeros")
        if block == _ZERO:
            _check_end(stream, end - position, where, tolerant)
            return
        count += 1
        if count > limits.members:
            raise PackInvalid("archive-members", where, f"it has more than {limits.members} members")
        path, size = _parse(block, where, tolerant)
        position += BLOCK
        if path is None:
            continue
        if size > limits.member or size > end - position:
            raise PackInvalid("member-size", path, f"it says {size} bytes, more than there are or than {limits.member}")
        if path.casefold() in seen:
            raise PackInvalid("path-twin", path, "another member has this path, or one that differs in case only")
        seen.add(path.casefold())
        yield Member(path, position, size)
        position += size
        stream.seek(position)
        if stream.read(-size % BLOCK).strip(b"\0"):
            raise PackInvalid("archive-padding", path, "something stands between its data and the next member")
        position += -size % BLOCK


def _check_end(stream: BinaryIO, left: int, where: str, tolerant: bool) -> None:
    """After the first block of zeros: exactly one more; another tool may fill its last record (10,240 bytes)."""
    if left < 2 * BLOCK:
        raise PackInvalid("archive-end", where, "it ends without its two blocks of zeros")
    if left > (20 * BLOCK if tolerant else 2 * BLOCK) or stream.read(left).strip(b"\0"):
        raise PackInvalid("archive-trailing", where, "something stands after its end")


def _parse(block: bytes, where: str, tolerant: bool) -> tuple[str | None, int]:
    """Path and size of a header; no path for a directory, which only a tolerant reader passes over."""
    kind = block[156:157]
    if block[257:265] != b"ustar\x0000":
        _refuse_foreign(block, where)
    if kind in _KINDS:
        code, words = _KINDS[kind]
        raise PackInvalid(code, where, f"it holds {words}; only regular files may be in it")
    if kind != _REGULAR and not (tolerant and kind == _DIRECTORY):
        raise PackInvalid("member-kind", where, f"it holds a member of the unknown kind {kind!r}")
    for start, end in _NUMBERS:
        if any(block[start:end]):
            _octal(block[start:end], where)
    name, prefix, size = block[:100].rstrip(b"\0"), block[345:500].rstrip(b"\0"), _octal(block[124:136], where)
    if _octal(block[148:156], where) != sum(block) - sum(block[148:156]) + 8 * 0x20:
        raise PackInvalid("archive-checksum", where, "a header's checksum is wrong")
    try:
        path = (prefix + b"/" + name if prefix else name).decode()
    except UnicodeDecodeError:
        raise PackInvalid("path-characters", where, "a path is not UTF-8") from None
    if kind == _DIRECTORY:
        if size:
            raise PackInvalid("member-size", where, "a directory has data")
        path = path.rstrip("/")
    if problem := path_problem(path):
        raise PackInvalid(problem[0], f"archive: {path[:200]!r}", problem[1])
    if kind == _DIRECTORY:
        return None, 0
    if block[157:257].strip(b"\0"):
        raise PackInvalid("link", where, "a regular file says what it links to")
    if not tolerant and header(path, size) != block:
        raise PackInvalid("archive-canonical", path, "its header says more than path and size, or says it otherwise")
    return path, size


def _refuse_foreign(block: bytes, where: str) -> None:
    for magic, name in _COMPRESSED.items():
        if block.startswith(magic):
            raise PackInvalid("archive-compressed", where, f"it looks like {name}; a plain tar is due")
    if block[257:265] == b"ustar  \0":
        raise PackInvalid("gnu", where, "it is a GNU archive; ustar is due")
    raise PackInvalid("archive-header", where, "there is no ustar header")


def _octal(field: bytes, where: str) -> int:
    digits = field.rstrip(b"\0 ")
    if not digits or digits.strip(b"01234567"):
        raise PackInvalid("archive-header", where, "a number is not written in octal digits")
    return int(digits, 8)


def contents(data: bytes, limits: Limits) -> dict[str, Member]:
    """Where the files of a canonical archive are: of the one that `write` makes of them.

    Raises:
        PackInvalid: with the code of what is not allowed.
    """
    found: dict[str, Member] = {}
    last = b""
    for member in members(io.BytesIO(data), limits):
        path = member.path.encode()
        if path < last:
            raise PackInvalid("archive-order", member.path, "the members are not sorted by the bytes of their paths")
        last = path
        found[member.path] = member
    return found


def read(data: bytes, limits: Limits) -> dict[str, bytes]:
    """The files of a canonical archive.

    Raises:
        PackInvalid: with the code of what is not allowed.
    """
    return {path: data[at.offset : at.offset + at.size] for path, at in contents(data, limits).items()}
