"""Named places at which a test build can end the process, to show what a crash there does. Never set in a release."""

import os
import signal

_CHOSEN = os.environ.get("HUURSPOOR_FAIL_POINT", "")
_reached = 0


def reach(place: str) -> None:
    """End this process with SIGKILL when ``HUURSPOOR_FAIL_POINT`` names the place (``place`` or ``place:nth``)."""
    global _reached
    if not _CHOSEN:
        return
    name, _, nth = _CHOSEN.partition(":")
    if name == place:
        _reached += 1
        if _reached >= int(nth or 1):
            os.kill(os.getpid(), signal.SIGKILL)
