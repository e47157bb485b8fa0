"""Photos as bytes: is it a picture and nothing else, and how it is shown without anything that it tells besides."""

import io
import re
from dataclasses import dataclass
from typing import Final, Literal

from PIL import Image, ImageOps

MOST_PIXELS: Final = 50_000_000
LONGEST_SIDE_SHOWN: Final = 2048
QUALITY: Final = 85
FORMATS: Final = ("JPEG", "PNG", "WEBP")
Kind = Literal["jpeg", "png", "webp"]
_KINDS: Final[dict[str | None, Kind]] = {"JPEG": "jpeg", "PNG": "png", "WEBP": "webp"}
# What a file says that also is a page, a script or a document; four letters that chance brings about are not among it.
_SOMETHING_ELSE: Final = re.compile(rb"<script|<html|<svg|<!doctype|<\?php|%pdf-1|javascript:", re.IGNORECASE)
_END_OF_AN_ARCHIVE: Final = b"PK\x05\x06"
_NEXT_MARKER: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
_MARK_OF_A_MAKER: Final = b"SEFT"  # some telephones put a block of their own behind the picture


class NoPicture(ValueError):
    """The bytes are no picture of a kind that is taken, are too many pixels, or are something else as well."""


@dataclass(frozen=True)
class Picture:
    """A picture that was looked at: its kind and size, and what is shown of it (JPEG, no metadata)."""

    kind: Kind
    width: int
    height: int
    shown: bytes


def look_at(raw: bytes) -> Picture:
    """Look at the bytes of a photo. Takes as long as decoding does: call it in a thread.

    :raises NoPicture: see there.
    """
    if _SOMETHING_ELSE.search(raw) or _END_OF_AN_ARCHIVE in raw[-65_557:]:
        raise NoPicture
    try:
        with Image.open(io.BytesIO(raw), formats=FORMATS) as image:
            kind, (width, height) = _KINDS[image.format], image.size
            if width * height > MOST_PIXELS or not _ends_where_it_ends(raw, kind):
                raise NoPicture
            image.draft("RGB", (LONGEST_SIDE_SHOWN, LONGEST_SIDE_SHOWN))  # JPEG: decodes no more than will be shown
            return Picture(kind, width, height, _shown(image))
    except Exception as why:  # whatever a hostile file makes a decoder raise, it is no picture
        raise NoPicture from why


def _shown(image: Image.Image) -> bytes:
    upright = ImageOps.exif_transpose(image).convert("RGB")
    upright.thumbnail((LONGEST_SIDE_SHOWN, LONGEST_SIDE_SHOWN))
    bare = Image.frombytes("RGB", upright.size, upright.tobytes())  # pixels, and nothing that stood beside them
    out = io.BytesIO()
    bare.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def _ends_where_it_ends(raw: bytes, kind: Kind) -> bool:
    if kind == "jpeg":
        end = _end_of_jpeg(raw, 0)
        while raw[end : end + 2] == b"\xff\xd8":  # a preview, or a second view, behind the picture
            end = _end_of_jpeg(raw, end)
        if raw.endswith(_MARK_OF_A_MAKER):
            return True
    elif kind == "png":
        end = _end_of_png(raw)
    else:
        end = 8 + int.from_bytes(raw[4:8], "little")
    return not raw[end:].strip(b"\0")


def _end_of_png(raw: bytes) -> int:
    """Return where a PNG ends. :raises NoPicture: it does not end."""
    at = 8
    while at + 12 <= len(raw):
        end = at + 12 + int.from_bytes(raw[at : at + 4], "big")
        if raw[at + 4 : at + 8] == b"IEND":
            return end
        at = end
    raise NoPicture


def _end_of_jpeg(raw: bytes, at: int) -> int:
    """Return where a JPEG ends that begins at a place. :raises NoPicture: it does not end."""
    at += 2
    while (found := _NEXT_MARKER.search(raw, at)) is not None:
        marker, at = found[0][1], found.end()
        if marker == 0xD9:
            return at
        if marker != 0x01:  # every other one tells its length; after the start of a scan the search skips its data
            at += int.from_bytes(raw[at : at + 2], "big")
    raise NoPicture
