"""Progress: the log lines that models print while they work, in tqdm's grammar."""

_BLOCKS = " ▏▎▍▌▋▊▉█"
_WIDTH = 10


def bar(step: int, steps: int, *, seconds: float) -> str:
    """Return tqdm's line for ``step`` of ``steps`` after ``seconds``, with its newline."""
    eighths = round(step / steps * _WIDTH * 8)
    full, part = divmod(eighths, 8)
    drawn = (_BLOCKS[8] * full + (_BLOCKS[part] if part else "")).ljust(_WIDTH)
    return f"{step * 100 // steps:3d}%|{drawn}| {step}/{steps} [{_times(step, steps, seconds)}]\n"


def _times(step: int, steps: int, seconds: float) -> str:
    if step == 0:
        return "00:00<?, ?it/s"
    each = max(seconds / step, 0.001)
    rate = f"{each:5.2f}s/it" if each >= 1 else f"{1 / each:5.2f}it/s"
    return f"{_clock(seconds)}<{_clock(each * (steps - step))}, {rate}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes:02d}:{rest:02d}"
