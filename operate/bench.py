"""The benchmarks: each a ratio measured side by side in one run, turned so that larger is better.

A cell is a series of pairs: the reference for a second, then ours for one and a half, alternating, on one PostgreSQL
with fsync on. The verdict is the median of the pairs' ratios; where the reference itself varies by more than three
times, the cell says that it was too noisy. After each cell it is checked that what was acknowledged is stored, once,
and readable in order; a cell whose check fails counts as not measured.
"""

import json
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import uvloop
from rich.console import Console

from operate.benchmarks import appending, deciding, growth, on_the_bus, over_http, pipeline, reading, wiped
from operate.benchmarks.cell import Cell, Figure, NotAsAcknowledged, Run
from operate.benchmarks.ground import Ground
from operate.benchmarks.ground import ground as prepared

REFERENCE_SECONDS = 1.0
OUR_SECONDS = 1.5
TOO_NOISY = 3.0

Cells = Callable[[Ground], AsyncIterator[Cell]]
# The names of the figures, without their number of callers or rate, and what measures them.
CELLS: Sequence[tuple[tuple[str, ...], Cells]] = (
    (("append",), appending.append_cells),
    (("append-vs-library",), appending.library_cells),
    (("effect",), deciding.effect_cells),
    (("decide", "decide-cached"), deciding.decide_cells),
    (("one-stream",), deciding.one_stream_cells),
    (("http", "http-stubbed"), over_http.http_cells),
    (("relay",), on_the_bus.relay_cells),
    (("consume",), on_the_bus.consume_cells),
    (("consume-effect",), on_the_bus.effect_cells),
    (("pipeline-p50", "pipeline-p99"), pipeline.pipeline_cells),
    (("replay",), reading.replay_cells),
    (("rebuild",), reading.rebuild_cells),
    (("rls-append",), reading.walled_append_cells),
    (("rls-page",), reading.walled_page_cells),
    (("growth-append", "growth-load"), growth.growth_cells),
    (("wiped",), wiped.wiped_cells),
)


async def measured(cell: Cell, console: Console) -> dict[str, dict[str, Any]]:
    """Run a cell's pairs and return, for each of its figures, what the JSON says of it."""
    if cell.warmed_up:
        await cell.against(0.2)
        await cell.ours(0.2)
    pairs: list[tuple[Run, Run]] = []
    for number in range(cell.pairs):
        against = await cell.against(REFERENCE_SECONDS)
        ours = await cell.ours(OUR_SECONDS)
        pairs.append((ours, against))
        ratios = "  ".join(f"{figure.ratio(ours, against):6.2f}" for figure in cell.told)
        console.print(
            f"  {cell.name:24} pair {number + 1}: {ours.rate:9.0f} against {against.rate:9.0f} {cell.unit}"
            f"  ratio {ratios}   p50 {ours.p50:.2f}/{against.p50:.2f} ms"
            f"  p99 {ours.p99:.2f}/{against.p99:.2f} ms",
            highlight=False,
            soft_wrap=True,
        )
    beside = await cell.beside()
    await cell.check()
    return {figure.name: _told(figure, pairs, beside) for figure in cell.told}


def _told(figure: Figure, pairs: Sequence[tuple[Run, Run]], beside: Mapping[str, Any]) -> dict[str, Any]:
    seen = [(figure.of(ours), figure.of(against)) for ours, against in pairs]
    references = [against for _, against in seen]
    told: dict[str, Any] = {
        "ratio": round(median(figure.ratio(ours, against) for ours, against in pairs), 3),
        "ours": round(median(ours for ours, _ in seen), 3),
        "against": round(median(references), 3),
        "unit": figure.unit,
        "pairs": [[round(ours, 3), round(against, 3)] for ours, against in seen],
        "p50_ms": [[ours.p50, against.p50] for ours, against in pairs],
        "p99_ms": [[ours.p99, against.p99] for ours, against in pairs],
        **beside,
    }
    if max(references) > TOO_NOISY * min(references):
        told["too_noisy"] = True
    return told


def bench(names: Sequence[str], *, json_file: Path | None) -> int:
    """Measure the named figures (all by default), print each pair, write JSON where asked.

    :param names: ``append@8``, or ``append`` for that figure at every number of callers.
    :returns: 0 when all was measured, 1 when a check found something else than was acknowledged, 2 when a
        name is that of no figure.
    """
    console = Console()
    known = [name for family, _ in CELLS for name in family]
    unknown = [name for name in names if name.partition("@")[0] not in known]
    if unknown:
        console.print(f"unknown: {', '.join(unknown)}. There are: {', '.join(known)}")
        return 2
    told: dict[str, Any] = {}
    failed: list[str] = []
    with (
        tempfile.TemporaryDirectory(prefix="huurspoor-bench-", ignore_cleanup_errors=True) as scratch,
        prepared(Path(scratch) / "state") as ground,
    ):

        async def run() -> None:
            for family, cells in CELLS:
                if not names or any(name.partition("@")[0] in family for name in names):
                    async for cell in cells(ground):
                        if _is_wanted(cell, names):
                            try:
                                told.update(await measured(cell, console))
                            except NotAsAcknowledged as why:
                                failed.extend(figure.name for figure in cell.told)
                                console.print(f"  {cell.name}: not measured: {why}", highlight=False)
                            _write(json_file, told)

        uvloop.run(run())
    for name, seen in told.items():
        noisy = "  (too noisy)" if seen.get("too_noisy") else ""
        console.print(f"{name:24} ratio {seen['ratio']:6.2f}{noisy}", highlight=False)
    _write(json_file, told)
    missed = [name for name in names if not any(name in _names_of(figure) for figure in (*told, *failed))]
    if missed:
        console.print(f"not measured, there is no such figure: {', '.join(missed)}", highlight=False)
        return 2
    return 1 if failed else 0


def _is_wanted(cell: Cell, names: Sequence[str]) -> bool:
    return not names or any(name in _names_of(figure.name) for figure in cell.told for name in names)


def _names_of(figure: str) -> tuple[str, str]:
    """Return by which names a figure can be asked for."""
    return figure, figure.partition("@")[0]


def _write(file: Path | None, told: Mapping[str, Any]) -> None:
    """Write what was measured so far: a later cell that breaks takes nothing away."""
    if file is not None:
        file.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
