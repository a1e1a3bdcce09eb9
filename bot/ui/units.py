"""Numbers as people say them."""

CELLS = 5


def span(seconds: float) -> str:
    """Return a span in a person's words: "41 s", "3 min 20 s", "1 h 5 min"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def bar(fraction: float) -> str:
    """Return a bar of five cells; it is full only at the end."""
    filled = min(CELLS, max(0, int(fraction * CELLS + 1e-9)))
    return "▰" * filled + "▱" * (CELLS - filled)


def ordinal(number: int) -> str:
    """Return 1st, 2nd, 3rd, 4th, …, 11th, …, 21st."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def counted(number: int, noun: str) -> str:
    """Return "1 image", "5 images"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def size(number: int) -> str:
    """Return a file's size as people say it."""
    if number < 1_000_000:
        return f"{max(1, round(number / 1000))} kB"
    return f"{number / 1_000_000:.1f} MB" if number < 10_000_000 else f"{round(number / 1_000_000)} MB"


def rough(number: int) -> str:
    """Return a large number as people say it: "950", "12 k", "1.2 M"."""
    for unit, size_of in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= size_of:
            amount = number / size_of
            return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:.0f} {unit}"
    return str(number)
