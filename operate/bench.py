"""The benchmarks: each a ratio measured side by side in one run, turned so that larger is better.

A cell is a series of pairs: the reference for a second, then ours for one and a half, alternating, on one PostgreSQL
with fsync on. The verdict is the median of the pairs' ratios; where the reference itself varies by more than three
times, the cell says that it was too noisy. After each cell it is checked that what was acknowledged is stored, once,
and readable in order; a cell whose check fails counts as not measured.
"""

import asyncio
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console

from operate.benchmarks import appending, deciding, reading
from operate.benchmarks.cell import Cell, Run
from operate.benchmarks.ground import ground as prepared

PAIRS = 5
REFERENCE_SECONDS = 1.0
OUR_SECONDS = 1.5
TOO_NOISY = 3.0
CELLS = {
    "append": appending.append_cells,
    "append-vs-library": appending.library_cells,
    "effect": deciding.effect_cells,
    "decide": deciding.decide_cells,
    "one-stream": deciding.one_stream_cells,
    "replay": reading.replay_cells,
    "rebuild": reading.rebuild_cells,
    "rls": reading.wall_cells,
}


async def measured(cell: Cell, console: Console) -> dict[str, Any]:
    """Run a cell's pairs and return what the JSON says of it."""
    await cell.against(0.2)
    await cell.ours(0.2)
    pairs: list[tuple[Run, Run]] = []
    for number in range(PAIRS):
        against = await cell.against(REFERENCE_SECONDS)
        ours = await cell.ours(OUR_SECONDS)
        pairs.append((ours, against))
        console.print(
            f"  {cell.name:24} pair {number + 1}: {ours.rate:9.0f} against {against.rate:9.0f} {cell.unit}"
            f"  ratio {ours.rate / against.rate:5.2f}   p50 {ours.p50:.2f}/{against.p50:.2f} ms"
            f"  p99 {ours.p99:.2f}/{against.p99:.2f} ms",
            highlight=False,
            soft_wrap=True,
        )
    await cell.check()
    rates = [against.rate for _, against in pairs]
    told: dict[str, Any] = {
        "ratio": round(median(ours.rate / against.rate for ours, against in pairs), 3),
        "ours": round(median(ours.rate for ours, _ in pairs), 1),
        "against": round(median(rates), 1),
        "unit": cell.unit,
        "pairs": [[round(ours.rate, 1), round(against.rate, 1)] for ours, against in pairs],
        "p50_ms": [[ours.p50, against.p50] for ours, against in pairs],
        "p99_ms": [[ours.p99, against.p99] for ours, against in pairs],
    }
    if max(rates) > TOO_NOISY * min(rates):
        told["too_noisy"] = True
    return told


def bench(names: Sequence[str], *, json_file: Path | None) -> int:
    """Measure the named benchmarks (all by default), print each pair, write JSON where asked; 0 when it measured."""
    console = Console()
    unknown = [name for name in names if name.partition("@")[0] not in CELLS]
    if unknown:
        console.print(f"unknown: {', '.join(unknown)}. There are: {', '.join(CELLS)}")
        return 2
    wanted = {name.partition("@")[0] for name in names} or set(CELLS)
    told: dict[str, Any] = {}
    with (
        tempfile.TemporaryDirectory(prefix="huurspoor-bench-", ignore_cleanup_errors=True) as scratch,
        prepared(Path(scratch) / "state") as ground,
    ):

        async def run() -> None:
            for name, cells in CELLS.items():
                if name in wanted:
                    async for cell in cells(ground):
                        if not names or name in names or cell.name in names:
                            told[cell.name] = await measured(cell, console)

        asyncio.run(run())
    for name, seen in told.items():
        noisy = "  (too noisy)" if seen.get("too_noisy") else ""
        console.print(f"{name:24} ratio {seen['ratio']:6.2f}{noisy}", highlight=False)
    if json_file is not None:
        json_file.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return 0
