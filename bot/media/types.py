"""Media: bytes with a name and a type that is detected from the first bytes; references to a run's files in its input.

Names and headers are never trusted.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePath
from typing import Any, Final


class MediaKind(StrEnum):
    """The kind of a file, in the word people use."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    TEXT = "text"
    ARCHIVE = "archive"
    OTHER = "file"


@dataclass(frozen=True, slots=True)
class MediaType:
    """A type. ``mime`` is its registered name ("image/webp"), ``suffix`` the usual ending with a dot (".webp")."""

    mime: str
    suffix: str
    kind: MediaKind


@dataclass(frozen=True, slots=True)
class Media:
    """A file in memory. ``type`` is detected from ``data``."""

    name: str
    type: MediaType
    data: bytes = field(repr=False)

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self) -> bytes:
        """Return its bytes."""
        return self.data


@dataclass(frozen=True, slots=True)
class SpooledFile:
    """A file on disk. ``size`` is in bytes."""

    name: str
    type: MediaType
    size: int
    path: Path

    def read(self) -> bytes:
        """Return its bytes. This blocks."""
        return self.path.read_bytes()


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that was uploaded with a run: the run's id, and the file's number within its input, from 0."""

    name: str
    type: MediaType
    size: int
    run_id: str
    number: int


@dataclass(frozen=True, slots=True)
class CharacterPicture:
    """A picture of a saved character: the character's id and name, and the picture's number, from 0."""

    name: str
    type: MediaType
    size: int
    character_id: str
    character: str
    number: int


InputFile = Media | SpooledFile | StoredFile | CharacterPicture
"""A file of a run's input, wherever its bytes are. Those that people send are not kept in memory."""

_REFERENCE: Final = re.compile(r"file:(\d{1,6})", re.ASCII)

HEAD_BYTES: Final = 4096  # enough for every signature below; with less, the type is guessed

_TRUNCATED: Final = 1024  # a head of this length may be cut off; a shorter one is the whole file


PNG: Final = MediaType("image/png", ".png", MediaKind.IMAGE)
JPEG: Final = MediaType("image/jpeg", ".jpg", MediaKind.IMAGE)
WEBP: Final = MediaType("image/webp", ".webp", MediaKind.IMAGE)
GIF: Final = MediaType("image/gif", ".gif", MediaKind.IMAGE)
AVIF: Final = MediaType("image/avif", ".avif", MediaKind.IMAGE)
HEIC: Final = MediaType("image/heic", ".heic", MediaKind.IMAGE)
BMP: Final = MediaType("image/bmp", ".bmp", MediaKind.IMAGE)
TIFF: Final = MediaType("image/tiff", ".tiff", MediaKind.IMAGE)
SVG: Final = MediaType("image/svg+xml", ".svg", MediaKind.IMAGE)
ICO: Final = MediaType("image/x-icon", ".ico", MediaKind.IMAGE)
MP4: Final = MediaType("video/mp4", ".mp4", MediaKind.VIDEO)
MOV: Final = MediaType("video/quicktime", ".mov", MediaKind.VIDEO)
WEBM: Final = MediaType("video/webm", ".webm", MediaKind.VIDEO)
MKV: Final = MediaType("video/x-matroska", ".mkv", MediaKind.VIDEO)
AVI: Final = MediaType("video/x-msvideo", ".avi", MediaKind.VIDEO)
OGV: Final = MediaType("video/ogg", ".ogv", MediaKind.VIDEO)
MP3: Final = MediaType("audio/mpeg", ".mp3", MediaKind.AUDIO)
WAV: Final = MediaType("audio/wav", ".wav", MediaKind.AUDIO)
FLAC: Final = MediaType("audio/flac", ".flac", MediaKind.AUDIO)
OGG: Final = MediaType("audio/ogg", ".ogg", MediaKind.AUDIO)
OPUS: Final = MediaType("audio/opus", ".opus", MediaKind.AUDIO)
M4A: Final = MediaType("audio/mp4", ".m4a", MediaKind.AUDIO)
AAC: Final = MediaType("audio/aac", ".aac", MediaKind.AUDIO)
PDF: Final = MediaType("application/pdf", ".pdf", MediaKind.OTHER)
ZIP: Final = MediaType("application/zip", ".zip", MediaKind.ARCHIVE)
GZIP: Final = MediaType("application/gzip", ".gz", MediaKind.ARCHIVE)
TAR: Final = MediaType("application/x-tar", ".tar", MediaKind.ARCHIVE)
SEVEN_ZIP: Final = MediaType("application/x-7z-compressed", ".7z", MediaKind.ARCHIVE)
NPZ: Final = MediaType("application/x-npz", ".npz", MediaKind.OTHER)
GLB: Final = MediaType("model/gltf-binary", ".glb", MediaKind.OTHER)
SAFETENSORS: Final = MediaType("application/x-safetensors", ".safetensors", MediaKind.OTHER)
JSON: Final = MediaType("application/json", ".json", MediaKind.TEXT)
HTML: Final = MediaType("text/html", ".html", MediaKind.TEXT)
VTT: Final = MediaType("text/vtt", ".vtt", MediaKind.TEXT)
TEXT: Final = MediaType("text/plain", ".txt", MediaKind.TEXT)
MARKDOWN: Final = MediaType("text/markdown", ".md", MediaKind.TEXT)  # of our own files; never detected
UNKNOWN: Final = MediaType("application/octet-stream", ".bin", MediaKind.OTHER)

# Signatures at a fixed offset that are unambiguous: (offset, bytes, type).
_SIGNATURES: Final[tuple[tuple[int, bytes, MediaType], ...]] = (
    (0, b"\x89PNG\r\n\x1a\n", PNG),
    (0, b"\xff\xd8\xff", JPEG),
    (0, b"GIF87a", GIF),
    (0, b"GIF89a", GIF),
    (0, b"II*\x00", TIFF),
    (0, b"MM\x00*", TIFF),
    (0, b"\x00\x00\x01\x00", ICO),
    (0, b"fLaC", FLAC),
    (0, b"%PDF-", PDF),
    (0, b"\x1f\x8b\x08", GZIP),
    (0, b"7z\xbc\xaf\x27\x1c", SEVEN_ZIP),
    (0, b"glTF", GLB),
    (257, b"ustar", TAR),
)
_RIFF: Final = {b"WEBP": WEBP, b"AVI ": AVI, b"WAVE": WAV}
_HEIC_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
_AUDIO_BRANDS: Final = frozenset({b"M4A ", b"M4B ", b"M4P "})
_BMP_HEADERS: Final = frozenset(size.to_bytes(4, "little") for size in (12, 40, 52, 56, 64, 108, 124))
_SAFETENSORS_HEADER_MAX: Final = 100_000_000  # the format's own limit, in bytes
_CONTROLS: Final = frozenset(range(32)) - frozenset(b"\t\n\r\f\b\x1b")  # that no text file contains
_MP3_SAMPLE_RATES: Final = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_MP3_KBITS_V1: Final = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MP3_KBITS_V2: Final = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)


def sniff(head: bytes) -> MediaType:
    """Return the type of a file by its first ``HEAD_BYTES`` bytes (or all, if it has fewer), else ``UNKNOWN``.

    Text and JSON are detected from the whole head.
    """
    for offset, signature, media_type in _SIGNATURES:
        if head.startswith(signature, offset):
            return media_type
    return _sniff_container(head) or _sniff_weak_header(head) or _sniff_audio(head) or _sniff_text(head) or UNKNOWN


def _sniff_container(head: bytes) -> MediaType | None:
    """Return the type of a file whose signature only identifies its container."""
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _sniff_iso_media(head)
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return WEBM if b"webm" in head[:64] else MKV
    if head.startswith(b"OggS"):
        return _sniff_ogg(head)
    return None


def _sniff_weak_header(head: bytes) -> MediaType | None:
    """Return the type of a file whose first bytes alone are too common to identify it."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        name_length = int.from_bytes(head[26:28], "little")
        return NPZ if head[30 : 30 + name_length].endswith(b".npy") else ZIP
    if head.startswith(b"BM") and head[6:10] == bytes(4) and head[14:18] in _BMP_HEADERS:
        return BMP
    if head[8:10] == b'{"' and 2 <= int.from_bytes(head[:8], "little") <= _SAFETENSORS_HEADER_MAX:
        return SAFETENSORS
    return None


def _sniff_iso_media(head: bytes) -> MediaType:
    """Return the type of a file that starts with an ``ftyp`` box, by its brands."""
    end = max(16, min(int.from_bytes(head[:4], "big"), len(head)))
    major = head[8:12]
    brands = {major, *(head[at : at + 4] for at in range(16, end - 3, 4))}
    if brands & _AVIF_BRANDS:
        return AVIF
    if major in _HEIC_BRANDS:
        return HEIC
    if major in _AUDIO_BRANDS:
        return M4A
    return MOV if major == b"qt  " else MP4


def _sniff_ogg(head: bytes) -> MediaType:
    """Return the type of an Ogg file by the codec in its first packet."""
    if b"OpusHead" in head[:64]:
        return OPUS
    if b"\x80theora" in head[:64]:
        return OGV
    return OGG


def _sniff_audio(head: bytes) -> MediaType | None:
    """Return the type of audio without a container: MPEG frames, with or without an ID3 tag."""
    if head.startswith(b"ID3") and len(head) >= 10:
        size = 10
        for place, byte in enumerate(head[6:10]):
            size += (byte & 0x7F) << (7 * (3 - place))
        inside = head[size : size + 4]
        if inside == b"fLaC":
            return FLAC
        return AAC if _is_adts(inside) else MP3
    if _is_adts(head) and len(head) >= 7:
        length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        return AAC if length >= 7 and _repeats(head, length) else None
    length = _mp3_frame_length(head)
    return MP3 if length and _repeats(head, length) else None


def _is_adts(head: bytes) -> bool:
    return len(head) >= 2 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0


def _mp3_frame_length(head: bytes) -> int:
    """Return the length in bytes of the layer III frame at the start, or 0 if there is none."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return 0
    version, bit_rate, sample_rate = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or bit_rate in (0, 15) or sample_rate == 3:
        return 0
    kbits = (_MP3_KBITS_V1 if version == 3 else _MP3_KBITS_V2)[bit_rate]
    samples = 144 if version == 3 else 72
    return samples * kbits * 1000 // _MP3_SAMPLE_RATES[version][sample_rate] + (head[2] >> 1 & 1)


def _repeats(head: bytes, length: int) -> bool:
    """Return whether another frame follows this one, as far as the head goes."""
    following = head[length : length + 2]
    return len(following) < 2 or (following[0] == head[0] and following[1] & 0xFE == head[1] & 0xFE)


def _sniff_text(head: bytes) -> MediaType | None:
    """Return the type of a text, or None."""
    text = _decode(head)
    if not text:
        return None
    start = text.lstrip("\ufeff \t\r\n")
    lowered = start[:1024].lower()
    if start.startswith(("{", "[")) and _is_json(start, cut=len(head) >= _TRUNCATED):
        return JSON
    if lowered.startswith("<svg") or (lowered.startswith(("<?xml", "<!--", "<!doctype svg")) and "<svg" in lowered):
        return SVG
    if lowered.startswith(("<!doctype html", "<html", "<head", "<body")):
        return HTML
    return VTT if start.startswith("WEBVTT") else TEXT


def _decode(head: bytes) -> str | None:
    """Return the head as text, or None; a character cut off at the end of a long head is ignored."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        whole = head[: len(head) & ~1]
        try:
            return whole.decode("utf-16")
        except UnicodeDecodeError:
            return None
    if not _CONTROLS.isdisjoint(head):
        return None
    try:
        return head.decode()
    except UnicodeDecodeError as error:
        cut = len(head) >= _TRUNCATED and error.start >= len(head) - 3 and error.reason == "unexpected end of data"
        return head[: error.start].decode() if cut else None


def _is_json(text: str, *, cut: bool) -> bool:
    """Return whether this is a JSON object or array, or (``cut``) the start of one."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        at_the_end = error.pos >= len(text) - len("\\u0000") or error.msg.startswith("Unterminated string")
        return cut and at_the_end
    except RecursionError:
        return False
    return True


_IMAGE_SUFFIXES: Final = frozenset(
    {".avif", ".bmp", ".gif", ".heic", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
)


def is_named_as_image(content_type: str | None, name: str) -> bool:
    """Return whether something is an image by its declared type, or else by its name. Either may be wrong."""
    if content_type:
        return content_type.startswith("image/")
    return PurePath(name.lower()).suffix in _IMAGE_SUFFIXES


def format_reference(index: int) -> str:
    return f"file:{index}"


def parse_reference(value: Any) -> int | None:
    """Return the index if the value is a reference to a file."""
    match = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    return int(match[1]) if match is not None else None


def find_references(value: Any) -> frozenset[int]:
    """Return the indexes of all references in a JSON value, at any depth."""
    index = parse_reference(value)
    if index is not None:
        return frozenset({index})
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return frozenset().union(*map(find_references, parts))
