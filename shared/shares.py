"""A part of a group, shown only where nobody in the group could be recognised (domain 11, I). Standard library only."""

from collections.abc import Mapping

FEWEST = 5


def is_shown(whole: int) -> bool:
    """Whether a group of so many may be told of; of nobody everything may be."""
    return whole == 0 or whole >= FEWEST


def proportion(part: int, whole: int) -> float | None:
    """Return the part that some are of a group; None where that may not be told, or of nobody."""
    return round(part / whole, 4) if whole and is_shown(whole) else None


def shown(part: int, whole: int) -> Mapping[str, float | int | bool | None]:
    """Return what doors show of a part of a group: of a small one, that it is not shown."""
    return {
        "numerator": part if is_shown(whole) else None,
        "denominator": whole if is_shown(whole) else None,
        "value": proportion(part, whole),
        "suppressed": not is_shown(whole),
    }
