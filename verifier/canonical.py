"""RFC 8785, as far as these files need it: objects, arrays, strings, whole numbers, true, false, null. No fractions."""

import json
from collections.abc import Iterable
from typing import Any, NoReturn

LARGEST = 2**53 - 1
DEEPEST = 100  # far above what any file nests, far below where a program that looks into it runs out of room


class NotJson(ValueError):
    """The bytes are not JSON as these files may hold it."""


def read(content: bytes) -> Any:
    """Return the value that the bytes write. :raises NotJson: they do not, or with more than these files may hold."""
    try:
        value = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_once_each,
            parse_float=_no_fractions,
            parse_constant=_no_fractions,
            parse_int=_whole,
        )
    except UnicodeDecodeError:
        raise NotJson("it is not UTF-8") from None
    except json.JSONDecodeError as why:
        raise NotJson(f"it is not JSON: {why.msg} at character {why.pos}") from None
    except RecursionError:
        raise NotJson("it is nested too deeply") from None
    if _is_deeper(value, DEEPEST):
        raise NotJson("it is nested too deeply")
    return value


def write(value: Any) -> bytes:
    """Return the RFC 8785 form of a value that ``read`` returned. :raises NotJson: it holds half a character."""
    try:
        return json.dumps(_sorted(value), ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    except UnicodeEncodeError:
        raise NotJson("it holds half a character") from None


def _is_deeper(value: Any, than: int) -> bool:
    level = [value]
    for _ in range(than):
        level = [held for one in level for held in _held(one)]
    return any(isinstance(one, dict | list) for one in level)


def _held(value: Any) -> Iterable[Any]:
    match value:
        case dict():
            return value.values()
        case list():
            return value
        case _:
            return ()


def _sorted(value: Any) -> Any:
    match value:
        case dict():
            names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
            return {name: _sorted(value[name]) for name in names}
        case list():
            return [_sorted(one) for one in value]
        case _:
            return value


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    whole = dict(pairs)
    if len(whole) < len(pairs):
        raise NotJson("it names a member twice")
    return whole


def _no_fractions(_text: str) -> NoReturn:
    raise NotJson("it holds a number that is not whole")


def _whole(text: str) -> int:
    if len(text) > 17 or abs(number := int(text)) > LARGEST:
        raise NotJson("it holds a number that is too large")
    return number
