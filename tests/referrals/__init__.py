"""What referrals decides, by rule."""

from shared.sealed import Sealed


def words(text: str, key: str = "F-1") -> Sealed:
    """Return text as the door would have sealed it: equal texts have equal digests."""
    plain = " ".join(text.casefold().split())
    return Sealed(sealed=f"<{text}>", key=key, digest=plain, length=len(text.strip()))
