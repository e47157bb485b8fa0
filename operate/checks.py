"""What must be clean before a commit: format, lint, types, architecture."""

import os
import subprocess
import sys
import time

from operate.state import PROJECT

_PYTHON = (sys.executable, "-P")
CHECKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("format", (*_PYTHON, "-m", "ruff", "format", "--check", ".")),
    ("lint", (*_PYTHON, "-m", "ruff", "check", ".")),
    ("types", (*_PYTHON, "-m", "mypy")),
    ("imports", (*_PYTHON, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()")),
    ("architecture", (*_PYTHON, "-m", "pytest", "-q", "tests/architecture")),
)


def check_all() -> int:
    """Run every check, show what each that failed had to say, and return the exit code."""
    failed = []
    for name, command in CHECKS:
        began = time.monotonic()
        env = {**os.environ, "PYTHONPATH": str(PROJECT)}
        done = subprocess.run(command, cwd=PROJECT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        seconds = time.monotonic() - began
        print(f"{name:<14} {'ok' if done.returncode == 0 else 'NOT CLEAN'}  ({seconds:.1f} s)", flush=True)
        if done.returncode != 0:
            failed.append(name)
            print(done.stdout.decode("utf-8", "replace"), flush=True)
    return 1 if failed else 0
