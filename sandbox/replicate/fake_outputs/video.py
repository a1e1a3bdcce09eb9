"""Small valid MP4 files with hand-written H.264.

Every macroblock is I_PCM (ITU-T H.264, 7.3.5): its pixels are in the stream uncompressed, so a video needs no encoder
and still plays everywhere. The container is the minimum that ISO/IEC 14496-12 requires.
"""

import math
import struct
from collections.abc import Sequence

SIDE = 128
FRAMES = 16
FRAME_RATE = 8
_BLOCKS = SIDE // 16
_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)  # identity


class _BitWriter:
    """Writes bits in the order of H.264."""

    def __init__(self) -> None:
        self._bits: list[str] = []

    def write_fixed(self, value: int, width: int) -> "_BitWriter":
        self._bits.append(f"{value:0{width}b}")
        return self

    def write_golomb(self, *values: int) -> "_BitWriter":
        """Write unsigned Exp-Golomb codes."""
        for value in values:
            code = f"{value + 1:b}"
            self._bits.append("0" * (len(code) - 1) + code)
        return self

    def to_bytes(self, *, stop: bool = True) -> bytes:
        """Return the bytes, with a stop bit if ``stop``, padded with zeros."""
        bits = "".join(self._bits) + ("1" if stop else "")
        bits += "0" * (-len(bits) % 8)
        return int(bits, 2).to_bytes(len(bits) // 8, "big")


Planes = tuple[bytes, bytes, bytes]


def make_video(seed: bytes) -> bytes:
    """Return a two-second video of a disc moving over a coloured background, both chosen by ``seed``."""
    return encode_video([_draw_frame(seed, number / FRAMES) for number in range(FRAMES)])


def encode_video(frames: Sequence[Planes]) -> bytes:
    """Return a two-second video of ``FRAMES`` frames: the planes Y, U and V, the last two at half the side."""
    samples = [_encode_frame(frame, number) for number, frame in enumerate(frames)]
    head = _box("ftyp", b"isom", struct.pack(">I", 512), b"isomiso2avc1mp41")
    offset = len(head) + len(_moov_box(samples, 0)) + 8
    return head + _moov_box(samples, offset) + _box("mdat", *samples)


def _draw_frame(seed: bytes, share: float) -> Planes:
    """Return the planes Y, U, V of one frame."""
    x = SIDE / 2 + SIDE * 0.28 * math.cos(2 * math.pi * share)
    y = SIDE / 2 + SIDE * 0.28 * math.sin(2 * math.pi * (share + seed[0] / 255))
    radius = SIDE * 0.16
    luma = bytes(
        220 if math.hypot(column - x, row - y) < radius else 60 + row // 2
        for row in range(SIDE)
        for column in range(SIDE)
    )
    half = (SIDE // 2) ** 2
    return luma, bytes([80 + seed[1] % 96]) * half, bytes([80 + seed[2] % 96]) * half


def _encode_frame(planes: Planes, number: int) -> bytes:
    """Return one frame as a length-prefixed IDR slice."""
    header = (
        _BitWriter().write_golomb(0, 7, 0).write_fixed(0, 4)
    )  # first block 0, all blocks I, parameter set 0, frame_num 0
    header.write_golomb(number % 2)  # neighbouring IDR pictures have different ids
    header.write_fixed(0, 2).write_golomb(0).write_golomb(
        1
    )  # no_output_of_prior_pics, long_term_reference; qp_delta; no deblocking
    body = bytearray()
    for block in range(_BLOCKS * _BLOCKS):
        # mb_type I_PCM (25), then zeros up to the byte boundary; the first block follows the slice header.
        start = header if block == 0 else _BitWriter()
        body += start.write_golomb(25).to_bytes(stop=False) + _block_pixels(planes, block)
    return _nal_unit(0x65, bytes(body) + b"\x80")


def _block_pixels(planes: Planes, block: int) -> bytes:
    row, column = divmod(block, _BLOCKS)
    out = bytearray()
    for plane, size, width in zip(planes, (16, 8, 8), (SIDE, SIDE // 2, SIDE // 2), strict=True):
        for line in range(size):
            start = (row * size + line) * width + column * size
            out += plane[start : start + size]
    return bytes(out)


def _nal_unit(kind: int, payload: bytes) -> bytes:
    """Return a NAL unit with its length, with emulation prevention bytes in 00 00 0x."""
    safe = bytearray()
    zeros = 0
    for byte in payload:
        if zeros >= 2 and byte <= 3:
            safe.append(3)
            zeros = 0
        safe.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return struct.pack(">IB", len(safe) + 1, kind) + bytes(safe)


def _parameter_sets() -> tuple[bytes, bytes]:
    # Baseline profile, level 1.3; pictures in output order; one reference frame; no cropping, no VUI.
    sequence = (
        _BitWriter()
        .write_fixed(66, 8)
        .write_fixed(0xC0, 8)
        .write_fixed(13, 8)
        .write_golomb(0, 0, 2, 1)
        .write_fixed(0, 1)
    )
    sequence.write_golomb(_BLOCKS - 1, _BLOCKS - 1).write_fixed(
        0b1100, 4
    )  # frames only, direct_8x8, no cropping, no VUI
    # CAVLC, one slice group, deblocking is set per slice.
    picture = (
        _BitWriter()
        .write_golomb(0, 0)
        .write_fixed(0, 2)
        .write_golomb(0, 0, 0)
        .write_fixed(0, 3)
        .write_golomb(0, 0, 0)
        .write_fixed(0b100, 3)
    )
    return _nal_unit(0x67, sequence.to_bytes())[4:], _nal_unit(0x68, picture.to_bytes())[4:]


def _box(kind: str, *parts: bytes) -> bytes:
    payload = b"".join(parts)
    return struct.pack(">I4s", len(payload) + 8, kind.encode()) + payload


def _full_box(kind: str, *parts: bytes, flags: int = 0) -> bytes:
    return _box(kind, struct.pack(">I", flags), *parts)


def _moov_box(samples: list[bytes], offset: int) -> bytes:
    length = struct.pack(">II", FRAME_RATE, FRAMES)  # time scale, duration: one tick is one frame
    movie = _full_box(
        "mvhd", bytes(8), length, struct.pack(">IHH8x", 0x10000, 0x100, 0), _MATRIX, bytes(24), b"\0\0\0\2"
    )
    size = struct.pack(">II", SIDE << 16, SIDE << 16)
    track = _full_box("tkhd", struct.pack(">8xIIII", 1, 0, FRAMES, 0), bytes(12), _MATRIX, size, flags=3)
    handler = _full_box("hdlr", bytes(4), b"vide", bytes(12), b"sandbox\0")
    media = _full_box("mdhd", bytes(8), length, struct.pack(">HH", 0x55C4, 0))
    reference = _box("dinf", _full_box("dref", struct.pack(">I", 1), _full_box("url ", flags=1)))
    information = _box("minf", _full_box("vmhd", bytes(8), flags=1), reference, _sample_table(samples, offset))
    return _box("moov", movie, _box("trak", track, _box("mdia", media, handler, information)))


def _sample_table(samples: list[bytes], offset: int) -> bytes:
    sps, pps = _parameter_sets()
    config = (
        bytes([1, *sps[1:4], 0xFF, 0xE1])
        + struct.pack(">H", len(sps))
        + sps
        + b"\1"
        + struct.pack(">H", len(pps))
        + pps
    )
    picture = struct.pack(">6xH16xHHIIIH32xHh", 1, SIDE, SIDE, 0x480000, 0x480000, 0, 1, 24, -1)
    return _box(
        "stbl",
        _full_box("stsd", struct.pack(">I", 1), _box("avc1", picture, _box("avcC", config))),
        _full_box("stts", struct.pack(">III", 1, FRAMES, 1)),
        _full_box("stsc", struct.pack(">IIII", 1, 1, FRAMES, 1)),
        _full_box("stsz", struct.pack(">II", 0, FRAMES), *(struct.pack(">I", len(sample)) for sample in samples)),
        _full_box("stco", struct.pack(">II", 1, offset)),
    )
