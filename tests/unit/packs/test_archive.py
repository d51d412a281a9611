"""The corpus of archives that are not what they seem: each is refused, with the code that says why."""

from __future__ import annotations

import gzip
import io
import subprocess
import tarfile
import zipfile
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seglam.packs import PackInvalid, archive
from seglam.packs.archive import BLOCK, Limits, Member

LIMITS = Limits(total=1024 * 1024, members=100, member=64 * 1024)
FILES = {"README.md": b"# A\n", "docs/a.md": b"x" * 513, "docs/empty.txt": b"", "docs/z": b"\0" * 512}

segments = st.builds(
    "".join, st.tuples(st.sampled_from("aZ0_"), st.text("ab.A_+-9", max_size=30), st.sampled_from("a+-_"))
)
paths = st.lists(segments, min_size=1, max_size=4).map("/".join)


def tar(*members: tuple[str, bytes], format: int = tarfile.USTAR_FORMAT, **attributes: object) -> bytes:
    """What `tarfile` makes of some members; each has the given attributes."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=format) as out:
        for path, data in members:
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(data), 0o644
            for name, value in attributes.items():
                setattr(info, name, value)
            out.addfile(info, io.BytesIO(data))
    data = stream.getvalue().rstrip(b"\0")
    return data + bytes(-len(data) % BLOCK) + bytes(2 * BLOCK)


def sealed(block: bytearray) -> bytes:
    """A header with the right checksum."""
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def patched(path: str = "docs/a.md", data: bytes = b"", **fields: bytes) -> bytes:
    """A canonical archive of one file whose header has other bytes at some places."""
    places = {"name": 0, "mode": 100, "uid": 108, "size": 124, "mtime": 136, "kind": 156, "link": 157, "magic": 257}
    places |= {"uname": 265, "major": 329, "prefix": 345, "pad": 500}
    block = bytearray(archive.header(path, len(data)))
    for name, value in fields.items():
        block[places[name] : places[name] + len(value)] = value
    return sealed(block) + data + archive.padding(len(data)) + bytes(2 * BLOCK)


def code(data: bytes, *, tolerant: bool = False, limits: Limits = LIMITS) -> str:
    with pytest.raises(PackInvalid) as caught:
        if tolerant:
            list(archive.members(io.BytesIO(data), limits, tolerant=True))
        else:
            archive.read(data, limits)
    return caught.value.code


def canonical_zip(path: str, data: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as out:
        out.writestr(path, data)
    return stream.getvalue()


def test_what_is_written_reads_back_here_and_in_other_readers() -> None:
    data = archive.write(FILES)
    assert archive.read(data, LIMITS) == FILES
    with tarfile.open(fileobj=io.BytesIO(data)) as other:
        assert {each.name: other.extractfile(each).read() for each in other} == FILES  # type: ignore[union-attr]
    listed = subprocess.run(["tar", "tf", "-"], input=data, capture_output=True, check=True)
    assert listed.stdout.decode().split() == sorted(FILES)
    assert listed.stderr == b""


def test_the_bytes_depend_on_the_files_alone() -> None:
    assert archive.write(dict(reversed(FILES.items()))) == archive.write(FILES)
    assert archive.write({}) == bytes(2 * BLOCK)


@given(st.dictionaries(paths, st.binary(max_size=1100), max_size=6))
def test_any_files_read_back_or_their_paths_are_refused(files: dict[str, bytes]) -> None:
    try:
        data = archive.write(files)
        read = archive.read(data, LIMITS)
    except PackInvalid as problem:
        assert problem.code in ("path-twin", "path-length")
        return
    assert read == files
    with tarfile.open(fileobj=io.BytesIO(data)) as other:
        assert {each.name: other.extractfile(each).read() for each in other} == files  # type: ignore[union-attr]


@given(st.integers(101, 200), st.data())
def test_a_long_path_fits_or_is_refused(length: int, draw: st.DataObject) -> None:
    slashes = draw.draw(st.sets(st.integers(1, length - 2), max_size=4))
    path = "".join("/" if place in slashes and place - 1 not in slashes else "a" for place in range(length))
    try:
        data = archive.write({path: b"1"})
    except PackInvalid as problem:
        assert problem.code == "path-length"
        assert all(not (length - 101 <= place <= 155) for place, letter in enumerate(path) if letter == "/")
        return
    assert archive.read(data, LIMITS) == {path: b"1"}
    with tarfile.open(fileobj=io.BytesIO(data)) as other:
        assert other.getnames() == [path]


@given(
    st.binary(max_size=2048)
    | st.builds(
        lambda data, at, byte: data[:at] + byte + data[at + 1 :],
        st.just(archive.write(FILES)),
        st.integers(0, len(archive.write(FILES)) - 1),
        st.binary(min_size=1, max_size=1),
    )
)
def test_any_bytes_are_the_one_archive_of_their_files_or_refused(data: bytes) -> None:
    try:
        files = archive.read(data, LIMITS)
    except PackInvalid:
        return
    assert archive.write(files) == data


changes = st.tuples(
    st.sampled_from([0, 1024, 2560, 3072, 4096]),  # the headers of `FILES`, and the end
    st.sampled_from([0, 4, 100, 108, 116, 124, 135, 136, 156, 157, 257, 263, 265, 329, 337, 345, 500]),
    st.sampled_from([b"\0", b"/", b"..", b"0", b"1", b"5", b"7", b"L", b"x", b"S", b" ", b"8", b"\x80", b"ustar  \0"])
    | st.binary(max_size=4),
)


@given(st.lists(changes, max_size=4), st.sampled_from([b"", bytes(BLOCK), b"x", bytes(20 * BLOCK)]))
@example([(1024, 100, b"8")], b"")  # a number that no reader can read: tarfile takes it for the end
def test_what_a_tolerant_reader_takes_other_readers_take_alike(
    mutations: list[tuple[int, int, bytes]], more: bytes
) -> None:
    data = bytearray(archive.write(FILES))
    for at, field, value in mutations:
        block = bytearray(data[at : at + BLOCK])
        block[field : field + len(value)] = value
        data[at : at + BLOCK] = sealed(block)
    data += more
    try:
        found = list(archive.members(io.BytesIO(data), LIMITS, tolerant=True))
    except PackInvalid:
        return
    mine = [(member.path, bytes(data[member.offset : member.offset + member.size])) for member in found]
    with tarfile.open(fileobj=io.BytesIO(data)) as other:
        assert [(each.name, other.extractfile(each).read()) for each in other if each.isfile()] == mine  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("../evil", "path-traversal"),
        ("docs/../../evil", "path-traversal"),
        ("docs/..", "path-traversal"),
        ("./README.md", "path-traversal"),
        ("/etc/passwd", "path-absolute"),
        ("//etc/passwd", "path-absolute"),
        ("C:/evil", "path-absolute"),
        ("c:evil", "path-absolute"),
        ("docs\\..\\..\\evil", "path-backslash"),
        ("docs//a", "path-empty"),
        ("docs/", "path-empty"),
        ("docs/e\u0301.md", "path-characters"),
        ("docs/\u00e9.md", "path-characters"),
        ("docs/\u202egnp.md", "path-characters"),
        ("docs/a b", "path-characters"),
        ("docs/a:stream", "path-characters"),
        ("docs/.hidden", "path-characters"),
        ("docs/-rf", "path-characters"),
        ("docs/a\nb", "path-characters"),
        ("docs/a.", "path-characters"),
    ],
)
def test_paths_that_leave_or_deceive(path: str, why: str) -> None:
    assert code(tar((path, b"x"))) == why
    assert code(tar((path, b"x")), tolerant=True) == why
    with pytest.raises(PackInvalid) as caught:
        archive.write({path: b"x"})
    assert caught.value.code == why


def test_a_path_goes_on_after_a_nul() -> None:
    assert code(patched(name=b"docs/a.md\0/../../evil")) == "path-nul"
    assert code(patched(name=b"docs/a.md", prefix=b"..\0")) == "path-traversal"
    assert code(patched(name=b"docs/\xff\xfe")) == "path-characters"


def test_a_long_path_in_foreign_forms() -> None:
    long = "docs/" + "a/" * 300 + "b"
    assert code(tar((long, b"x"), format=tarfile.GNU_FORMAT)) == "gnu"
    assert code(tar((long, b"x"), format=tarfile.GNU_FORMAT), tolerant=True) == "gnu"
    assert code(tar((long, b"x"), format=tarfile.PAX_FORMAT)) == "pax"
    assert code(tar((long, b"x"), format=tarfile.PAX_FORMAT), tolerant=True) == "pax"


@pytest.mark.parametrize(
    "keywords", [{"path": "docs/b"}, {"size": "0"}, {"linkpath": "/etc"}, {"GNU.sparse.name": "x"}]
)
def test_pax_headers_would_rename_and_resize(keywords: dict[str, str]) -> None:
    data = tar(("docs/a", b"x"), format=tarfile.PAX_FORMAT, pax_headers=keywords)
    assert code(data) == code(data, tolerant=True) == "pax"


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (tarfile.SYMTYPE, "link"),
        (tarfile.LNKTYPE, "link"),
        (tarfile.CHRTYPE, "device"),
        (tarfile.BLKTYPE, "device"),
        (tarfile.FIFOTYPE, "device"),
        (tarfile.CONTTYPE, "member-kind"),
        (tarfile.AREGTYPE, "member-kind"),
        (tarfile.GNUTYPE_SPARSE, "sparse"),
        (tarfile.GNUTYPE_LONGNAME, "gnu"),
        (tarfile.GNUTYPE_LONGLINK, "gnu"),
        (b"D", "gnu"),
        (b"M", "gnu"),
        (b"V", "gnu"),
        (b"X", "pax"),
        (b"A", "member-kind"),
        (b"\xff", "member-kind"),
    ],
)
def test_members_that_are_no_files(kind: bytes, why: str) -> None:
    assert code(patched(kind=kind)) == why
    assert code(patched(kind=kind), tolerant=True) == why


def test_links_as_other_tools_write_them() -> None:
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
        for target in ("/etc/passwd", "../../x", "README.md"):
            data = tar(("docs/a", b""), type=kind, linkname=target)
            assert code(data) == code(data, tolerant=True) == "link"
    assert code(patched(link=b"/etc/passwd")) == code(patched(link=b"/etc/passwd"), tolerant=True) == "link"


def test_a_directory_is_for_other_tools_only() -> None:
    data = tar(("docs", b""), type=tarfile.DIRTYPE)
    assert code(data) == "member-kind"
    assert list(archive.members(io.BytesIO(data), LIMITS, tolerant=True)) == []
    assert code(patched("docs", kind=b"5", data=b"x"), tolerant=True) == "member-size"
    assert code(tar(("../docs", b""), type=tarfile.DIRTYPE), tolerant=True) == "path-traversal"


@pytest.mark.parametrize(
    "fields",
    [
        {"mode": b"0000755\0"},
        {"mode": b"0004755\0"},
        {"mode": b"000644 \0"},
        {"uid": b"0001750\0"},
        {"mtime": b"00000000001\0"},
        {"size": b" 0000000000\0"},
        {"size": b"0\0\0\0\0\0\0\0\0\0\0\0"},
        {"uname": b"root"},
        {"major": b"0000001\0"},
        {"pad": b"x"},
        {"name": b"a.md\0\0\0\0\0", "prefix": b"docs"},
    ],
)
def test_a_header_that_says_more_or_says_it_otherwise(fields: dict[str, bytes]) -> None:
    assert code(patched("docs/a.md", b"", **fields)) in ("archive-canonical", "archive-header")


@pytest.mark.parametrize(
    "size", [b"\x80" + b"\0" * 10 + b"\1", b"-0000000001\0", b"0000000008\0", b"\xff" * 12, b"\0" * 12]
)
def test_sizes_that_readers_read_differently(size: bytes) -> None:
    assert code(patched(size=size)) == code(patched(size=size), tolerant=True) == "archive-header"


@pytest.mark.parametrize("place", ["mode", "uid", "mtime", "major"])
@pytest.mark.parametrize("value", [b"ustar", b"\x80", b"8", b"-1", b" 1", b"1\x002"])
def test_numbers_at_which_other_readers_stop(place: str, value: bytes) -> None:
    """They would take the member with such a number for the end of the archive."""
    data = patched(**{place: value})  # type: ignore[arg-type]
    assert code(data, tolerant=True) == "archive-header"


def test_a_size_larger_than_the_archive_or_the_limit() -> None:
    assert code(patched(size=b"00000177777\0")) == "member-size"
    assert code(patched(size=b"77777777777\0"), tolerant=True) == "member-size"
    assert code(archive.write({"docs/a": bytes(LIMITS.member + 1)})) == "member-size"


def test_two_members_of_one_path() -> None:
    assert code(archive.header("docs/a", 0) * 2 + bytes(2 * BLOCK)) == "path-twin"
    assert code(archive.header("docs/A", 0) + archive.header("docs/a", 0) + bytes(2 * BLOCK)) == "path-twin"
    assert code(tar(("docs/a", b"1"), ("docs/a", b"2")), tolerant=True) == "path-twin"
    assert code(tar(("docs/a", b"1"), ("docs/A", b"2")), tolerant=True) == "path-twin"


def test_members_out_of_order() -> None:
    data = archive.header("docs/b", 0) + archive.header("docs/a", 0) + bytes(2 * BLOCK)
    assert code(data) == "archive-order"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda data: data + b"x", "archive-trailing"),
        (lambda data: data + bytes(BLOCK), "archive-trailing"),
        (lambda data: data + data, "archive-trailing"),
        (lambda data: data[:-BLOCK], "archive-end"),
        (lambda data: data[:-1], "archive-end"),
        (lambda data: data[: -2 * BLOCK], "archive-end"),
        (lambda data: data[:-BLOCK] + b"\1" + bytes(BLOCK - 1), "archive-trailing"),
        (lambda data: data[: -2 * BLOCK] + bytes(BLOCK) + data, "archive-trailing"),
        (lambda data: data[:700], "archive-end"),
        (lambda data: b"", "archive-end"),
    ],
)
def test_ends_that_hide_something(change: Callable[[bytes], bytes], why: str) -> None:
    assert code(change(archive.write({"docs/a": b"1"}))) == why


def test_padding_that_hides_something() -> None:
    data = bytearray(archive.write({"docs/a": b"1"}))
    data[BLOCK + 100] = 1
    assert code(bytes(data)) == code(bytes(data), tolerant=True) == "archive-padding"


def test_records_of_other_tools_may_be_filled_with_zeros_only() -> None:
    data = tar(("docs/a", b"1"))
    padded = data + bytes(-len(data) % (20 * BLOCK))
    assert len(list(archive.members(io.BytesIO(padded), LIMITS, tolerant=True))) == 1
    assert code(padded[:-1] + b"x", tolerant=True) == "archive-trailing"
    assert code(data + bytes(40 * BLOCK), tolerant=True) == "archive-trailing"


def test_a_wrong_checksum() -> None:
    data = bytearray(archive.write({"docs/a": b"1"}))
    data[0] ^= 1
    assert code(bytes(data)) == "archive-checksum"


def test_compressed_where_plain_is_due() -> None:
    data = archive.write(FILES)
    nested = gzip.compress(gzip.compress(bytes(10_000_000)))
    assert code(gzip.compress(data) + bytes(BLOCK)) == code(nested + bytes(BLOCK)) == "archive-compressed"
    assert code(b"\x28\xb5\x2f\xfd" + bytes(BLOCK)) == "archive-compressed"


def test_a_zip_is_no_tar_and_none_hides_behind_or_before_one() -> None:
    inner = canonical_zip("README.md", b"other")
    assert code(inner + bytes(4 * BLOCK)) == "archive-compressed"
    assert code(archive.write(FILES) + inner) == "archive-trailing"
    # The end of a zip may be inside a file: then it is that file's bytes, and no other file comes of it.
    polyglot = archive.write({**FILES, "docs/z.zip": inner})
    assert zipfile.is_zipfile(io.BytesIO(polyglot))
    assert set(archive.read(polyglot, LIMITS)) == {*FILES, "docs/z.zip"}


def test_old_and_unknown_forms() -> None:
    assert code(patched(magic=b"\0" * 8)) == "archive-header"
    assert code(patched(magic=b"ustar  \0")) == code(patched(magic=b"ustar  \0"), tolerant=True) == "gnu"
    assert code(b"\x7fELF" + bytes(2000)) == "archive-header"


def test_a_million_empty_members_end_at_the_limit() -> None:
    class Endless(io.RawIOBase):
        """As many empty members as one reads; counts the reads."""

        def __init__(self) -> None:
            self.at = self.reads = 0

        def seekable(self) -> bool:
            return True

        def seek(self, offset: int, whence: int = 0) -> int:
            self.at = offset if whence == 0 else 1_000_000 * BLOCK + offset
            return self.at

        def read(self, size: int = -1) -> bytes:
            self.reads += 1
            return archive.header(f"docs/{self.at // BLOCK}", 0)[:size]

    endless = Endless()
    with pytest.raises(PackInvalid) as caught:
        list(archive.members(endless, Limits(total=2**40, members=2000, member=10), tolerant=True))  # type: ignore[arg-type]
    assert caught.value.code == "archive-members"
    assert endless.reads < 5000


def test_the_whole_has_a_limit() -> None:
    assert code(archive.write(FILES), limits=Limits(total=1024, members=9, member=9)) == "archive-size"


def test_places_of_members() -> None:
    data = archive.write(FILES)
    found = archive.contents(data, LIMITS)
    assert found["README.md"] == Member("README.md", BLOCK, 4)
    assert [data[at.offset : at.offset + at.size] for at in found.values()] == list(FILES.values())
