"""Lets ``python -m operate`` be the command line."""

from operate.cli import main

main()
