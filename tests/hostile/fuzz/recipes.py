"""Small descriptions of large inputs: what is found is a few lines of JSON, although the input has megabytes."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from hypothesis import strategies as st

MAX_CHARS: Final = 400_000
MAX_ITEMS: Final = 20_000

Recipe = Any
"""JSON, as ``expand_text`` and ``expand_json`` read it."""

_TIMES: Final = st.one_of(st.integers(1, 3), st.integers(1, 300), st.sampled_from([1000, 5000, 20_000]))


def texts(fragments: Sequence[str]) -> st.SearchStrategy[Recipe]:
    """Return recipes of texts: fragments, each so many times."""
    fragment = st.one_of(st.sampled_from(fragments), st.text(max_size=4))
    return st.lists(st.tuples(fragment, _TIMES).map(list), max_size=6)


def expand_text(recipe: Recipe) -> str:
    text = ""
    for fragment, times in recipe:
        text += fragment * min(times, (MAX_CHARS - len(text)) // max(len(fragment), 1))
    return text


def values(keys: Sequence[str], scalars: Sequence[Any]) -> st.SearchStrategy[Recipe]:
    """Return recipes of JSON values: wide and deep lists and objects of these keys and scalars."""
    key = st.one_of(st.sampled_from(keys), st.text(max_size=4))
    scalar = st.one_of(st.sampled_from(scalars), st.integers(), st.floats(allow_nan=False), st.text(max_size=6))

    def containers(inner: st.SearchStrategy[Recipe]) -> st.SearchStrategy[Recipe]:
        return st.one_of(
            st.fixed_dictionaries({"list": st.lists(inner, max_size=4), "times": _TIMES}),
            st.fixed_dictionaries({"nested": key, "times": st.integers(1, 400), "in": inner}),
            st.fixed_dictionaries({"numbered": key, "times": _TIMES, "in": inner}),
            st.dictionaries(key, inner, max_size=5).map(lambda members: {"members": members}),
        )

    return st.recursive(scalar.map(lambda value: {"value": value}), containers, max_leaves=12)


def expand_json(recipe: Recipe) -> Any:
    return _expand(recipe, MAX_ITEMS)


def _expand(recipe: Recipe, room: int) -> Any:
    """Return the value; ``room`` bounds the number of items, whatever is multiplied."""
    if "value" in recipe:
        return recipe["value"]
    if "members" in recipe:
        room //= len(recipe["members"]) or 1
        return {key: _expand(part, room) for key, part in recipe["members"].items()}
    times = max(min(recipe["times"], room), 1)
    if "list" in recipe:
        room //= times * (len(recipe["list"]) or 1)
        return [_expand(part, room) for part in recipe["list"]] * times
    if "numbered" in recipe:
        part = _expand(recipe["in"], room // times)
        return {f"{recipe['numbered']}{number}": part for number in range(times)}
    value = _expand(recipe["in"], room // times)
    for _ in range(times):
        value = {recipe["nested"]: value} if recipe["nested"] else [value]
    return value


def changes(bases: Sequence[str]) -> st.SearchStrategy[Recipe]:
    """Return recipes of files: a file of this name, in which bytes are replaced, removed or repeated."""
    change = st.fixed_dictionaries(
        {
            "at": st.floats(0, 1),
            "remove": st.integers(0, 12),
            "insert": st.binary(max_size=12).map(bytes.hex),
            "times": st.one_of(st.just(1), st.integers(1, 50), st.sampled_from([1000, 20_000])),
        }
    )
    return st.fixed_dictionaries({"base": st.sampled_from(bases), "changes": st.lists(change, max_size=6)})


def expand_file(recipe: Recipe, read_base: Callable[[str], bytes]) -> bytes:
    data = read_base(recipe["base"])
    for change in recipe["changes"]:
        start = int(change["at"] * len(data))
        insert = bytes.fromhex(change["insert"]) * change["times"]
        data = data[:start] + insert + data[start + change["remove"] :]
    return data
