"""Sounds: small real WAV files."""

import io
import math
import struct
import wave

RATE = 16_000
_SCALE = (0, 2, 4, 7, 9, 12)  # a pentatonic scale has no wrong notes
_NOTE = 0.28


def melody(seed: bytes, *, seconds: float = 2.5) -> bytes:
    """Return a WAV file with a tune that depends on ``seed``."""
    notes = [seed[index % len(seed)] % len(_SCALE) for index in range(max(1, round(seconds / _NOTE)))]
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(b"".join(_tone(220 * 2 ** (_SCALE[note] / 12)) for note in notes))
    return out.getvalue()


def _tone(frequency: float) -> bytes:
    count = round(RATE * _NOTE)
    samples = (
        round(9000 * math.sin(2 * math.pi * frequency * index / RATE) * math.sin(math.pi * index / count))
        for index in range(count)
    )
    return struct.pack(f"<{count}h", *samples)
