"""Archives and pickles in model files, told by their bytes: nothing is unpickled here."""

import bz2
import gzip
import io
import lzma
import pickletools
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, cast

# How deep archives are opened and how much comes out of all of them: beyond, nobody's model is.
DEPTH = 4
UNPACKED_BYTES = 64 * 1024 * 1024
# What readers of archives raise for damaged, cut off and encrypted bytes, each its own: gzip and
# bzip2 OSError, a zip with a password RuntimeError. What cannot be read is refused.
UNREADABLE = (
    *(OSError, EOFError, ValueError, RuntimeError, MemoryError, OverflowError),
    *(zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError),
)
# What a pickle can begin with: an instruction that takes nothing from the empty stack. One
# that asks for a persistent id ends plain unpickling; `PK` of a zip archive would read as one.
STARTS = frozenset(
    instruction.code.encode("latin-1")
    for instruction in pickletools.opcodes
    if not instruction.stack_before and instruction.name != "PERSID"
)
_CALLS = ("GLOBAL", "STACK_GLOBAL", "INST", "REDUCE", "OBJ")
# Instructions that call nothing, after which bytes are taken for a pickle all the same.
LONG_PROGRAM = 1_000_000
ZIP = b"PK\x03\x04"
_END_OF_ZIP = 22  # its last record, without a comment (PKWARE APPNOTE 4.3.16)
_ENCRYPTED = 1
_MEMBER = re.compile(r"[\w.-]+(/[\w.-]+)*")


class UnsafeError(Exception):
    """Bytes may not be served; the message says why."""


def strict_zip(content: bytes) -> zipfile.ZipFile:
    """A zip archive that every reader reads alike: nothing before, behind or twice in it.

    Raises:
        UnsafeError: it is none, or one that two readers could read as two archives.
    """
    if not content.startswith(ZIP):
        raise UnsafeError("it is no zip archive")
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except UNREADABLE as error:
        raise UnsafeError(f"its archive cannot be read ({error})") from error
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    if archive.comment or content[-_END_OF_ZIP : -_END_OF_ZIP + 4] != b"PK\x05\x06":
        raise UnsafeError("bytes follow its archive")
    if len(set(names)) < len(names):
        raise UnsafeError("its archive holds a file twice")
    if not entries or min(entry.header_offset for entry in entries) != 0:
        raise UnsafeError("bytes precede its archive")
    for entry in entries:
        if not _MEMBER.fullmatch(entry.filename) or ".." in entry.filename.split("/"):
            raise UnsafeError(
                f"its archive holds {entry.filename[:100]!r}: save it under a name of letters,"
                " digits, '.', '_' and '-', which its folders are named by"
            )
        if entry.flag_bits & _ENCRYPTED:
            raise UnsafeError("its archive is encrypted")
    return archive


def read_member(archive: zipfile.ZipFile, name: str, largest: int = UNPACKED_BYTES) -> bytes:
    """A file of an archive.

    Raises:
        UnsafeError: it is not there, damaged, too large, or another file to another reader.
    """
    try:
        # It compares the name with that in front of the bytes.
        content = _read(archive.open(name), largest)
    except (KeyError, *UNREADABLE) as error:
        raise UnsafeError(f"its {name[:100]} cannot be read ({error})") from error
    if content is None:
        raise UnsafeError(f"its {name[:100]} is larger than {largest} bytes")
    return content


def pickle_in(content: bytes) -> str:
    """What kind of pickle bytes are, or hold; empty where they are and hold none."""
    unpacked = 0
    waiting = [(content, "", 0)]
    while waiting:
        part, name, depth = waiting.pop()
        if is_pickle(part):
            return f"an archive with a pickle ({name[:100]})" if depth else "a pickle"
        if depth == DEPTH:
            continue
        try:
            for member, stream in _members(part):
                inner = _read(stream, UNPACKED_BYTES - unpacked)
                if inner is None:
                    return f"an archive that cannot be looked through ({member[:100]})"
                unpacked += len(inner)
                waiting.append((inner, member, depth + 1))
        except UNREADABLE:
            return "an archive that cannot be looked through (damaged or encrypted)"
    return ""


def is_pickle(content: bytes) -> bool:
    """Whether bytes are a program for the pickle machine that names something to call."""
    if content[:1] not in STARTS:
        return False
    try:
        for index, (opcode, _, _) in enumerate(pickletools.genops(content)):
            if opcode.name in _CALLS or index == LONG_PROGRAM:
                return True
    except ValueError:
        # Cut off, or followed by something else.
        return False
    return content[:1] == b"\x80"


def _members(content: bytes) -> Iterator[tuple[str, IO[bytes]]]:
    """The files of an archive."""
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for entry in archive.infolist():
                yield entry.filename, archive.open(entry)
    elif content[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for member in archive:
                if file := archive.extractfile(member):
                    yield member.name, file
    elif stream := _decompressed(content):
        yield "compressed", stream


def _decompressed(content: bytes) -> IO[bytes] | None:
    """What compressed bytes hold, by the magic numbers that joblib knows."""
    source = io.BytesIO(content)
    if content.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.GzipFile(fileobj=source))
    if content.startswith(b"BZh"):
        return cast(IO[bytes], bz2.BZ2File(source))
    if content.startswith((b"\xfd7zXZ\x00", b"\x5d\x00\x00")):
        return cast(IO[bytes], lzma.LZMAFile(source))
    if content.startswith((b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")):
        return io.BytesIO(zlib.decompressobj().decompress(content, UNPACKED_BYTES + 1))
    return None


def _read(stream: IO[bytes], largest: int) -> bytes | None:
    content = stream.read(largest + 1)
    return content if len(content) <= largest else None
