"""Text that was sealed at the door: rules compare it and store it, and cannot read it. Standard library only."""

from dataclasses import dataclass, fields, is_dataclass
from typing import Any


@dataclass(frozen=True)
class Sealed:
    """Personal data or free text, encrypted (``shared.keys`` opens it).

    :ivar sealed: base64 of nonce and ciphertext; bound to the name of the field it stands in.
    :ivar key: id of the data key of (office, lease or party, category); erasing destroys it.
    :ivar digest: base64 keyed hash of the text, case and white space ignored; equal only under the same key.
    :ivar length: number of characters of the text without leading and trailing white space.
    """

    sealed: str
    key: str
    digest: str
    length: int = 0

    def says_the_same_as(self, other: "Sealed | None") -> bool:
        """Whether both texts are equal, case and white space ignored. Only texts of one key can be."""
        return other is not None and self.digest == other.digest


def is_the_same(one: Any, other: Any) -> bool:
    """Whether two events (or parts of events) say the same; sealing a text twice gives different bytes of one text."""
    if isinstance(one, Sealed):
        return isinstance(other, Sealed) and one.says_the_same_as(other)
    if type(one) is not type(other):
        return False
    if isinstance(one, tuple):
        return len(one) == len(other) and all(is_the_same(*pair) for pair in zip(one, other, strict=True))
    if is_dataclass(one):
        return all(is_the_same(getattr(one, part.name), getattr(other, part.name)) for part in fields(one))
    return bool(one == other)
