"""Lets ``python -m operate`` be the command line."""

import signal
import sys

# From the first moment on: while the rest is loaded, Ctrl-C ends the command too, and shows nothing of its inside.
signal.signal(signal.SIGINT, lambda *_: sys.exit(130))

from operate.cli import main  # noqa: E402

main()
