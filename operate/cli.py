"""The commands behind ``./huurspoor``."""

import asyncio
import json
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from operate import clockwork, issuer
from operate.backup import NoBackup
from operate.backup import back_up as take_backup
from operate.backup import restore as restore_backup
from operate.checks import check_all
from operate.doctor import findings
from operate.door import Away, Door
from operate.platform import NotRunning, Platform, Refused, begin_clock, wait_until_ready
from operate.postgres import owner_settings
from operate.state import PROJECT, SERVICES, State
from operate.supervisor import AlreadyRunning, DidNotStart, Supervisor, is_running, service_settings
from shared.clock import BRUSSELS, ClockGoesBackwards, SettableClock
from shared.tokens import ROLES

app = typer.Typer(
    name="huurspoor",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Follows a social rental lease from the first home visit to the file for court.",
)
office = typer.Typer(no_args_is_help=True, help="Offices of a running platform.")
app.add_typer(office, name="office")

StateFolder = Annotated[
    Path, typer.Option("--state", metavar="DIR", help="the state folder (default: .huurspoor in the project)")
]
DEFAULT_STATE = PROJECT / ".huurspoor"
err = Console(stderr=True, highlight=False, soft_wrap=True)


def main() -> NoReturn:
    """Run one command; what can go wrong by itself ends with one sentence and a code."""
    # Every block that is open is left in order: whoever started a platform stops it.
    signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        app(prog_name="./huurspoor", standalone_mode=True)
    except (
        NotRunning,
        Refused,
        AlreadyRunning,
        DidNotStart,
        Away,
        NoBackup,
        clockwork.NotSettled,
        clockwork.DayNotDone,
        RuntimeError,
    ) as why:
        _end(str(why), code=1)
    except OSError as why:  # a folder that one may not enter, a disk without room, a platform of somebody else
        _end(f"{why.filename}: {why.strerror}" if why.filename else str(why), code=1)
    sys.exit(0)


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="end after the story; exit 0 only if every step held")] = False,
    keep: Annotated[
        Path | None, typer.Option(metavar="DIR", help="leave the state there; `up --state DIR` finds everything")
    ] = None,
) -> None:
    """Play the story of two offices on a platform of its own, and stay up until Ctrl-C."""
    from operate.demo import demo as play

    raise typer.Exit(play(once=once, keep=keep))


@app.command()
def up(
    state: StateFolder = DEFAULT_STATE,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65532, metavar="N", help="visits on N, the others on N+1 to N+3 (default: free ports)"),
    ] = None,
    clock: Annotated[
        str | None, typer.Option(metavar="2026-01-05T08:00", help="start on a settable clock, for trying out only")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="return when ready; `down` stops it")] = False,
) -> None:
    """Start all services, each a process of its own, and wait until they are ready."""
    place = State(state.resolve())
    if is_running(place):
        raise AlreadyRunning(f"a platform already runs on {place.root}")
    move_to = _clock_for(place, clock)
    if detach:
        _start_detached(place, port)
        if move_to is not None:
            _move_clock(Platform.at(place.root), move_to)
        _show_addresses(Platform.at(place.root))
        return

    async def when_ready() -> None:
        platform = Platform.at(place.root)
        if move_to is not None:
            await asyncio.to_thread(_move_clock, platform, move_to)
        _show_addresses(platform)
        print("Ctrl-C stops it.", flush=True)

    supervisor = Supervisor(place, port=port, say=lambda sentence: err.print(sentence, style="dim"))
    raise typer.Exit(asyncio.run(supervisor.run(when_ready=when_ready)))


@app.command()
def down(state: StateFolder = DEFAULT_STATE) -> None:
    """Stop the platform in order. Its data stays."""
    Platform.at(state).stop()
    print("stopped")


@app.command()
def status(
    state: StateFolder = DEFAULT_STATE,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Show each component: pid, address, ready or why not, log file."""
    try:
        told = Platform.at(state).status()
    except NotRunning as why:
        if as_json:
            told = _status_of_nothing(State(state.resolve()))
            print(json.dumps(told, indent=2))
        err.print(str(why))
        raise typer.Exit(1) from None
    if as_json:
        print(json.dumps(told, indent=2))
        return
    print(f"state  {told['state']}\nclock  {told['clock']}, {told['now']}")
    for name, seen in told["components"].items():
        said = "ready" if seen["ready"] else "not ready: " + "; ".join(seen["why"])
        print(f"{name:<14} {seen['pid'] or '-':>8}  {seen['url']:<34} {said}\n{'':<25}{seen['log']}")


@app.command()
def clock(
    to: Annotated[str, typer.Argument(metavar="2026-03-01T09:00", help="local time of Europe/Brussels")],
    state: StateFolder = DEFAULT_STATE,
) -> None:
    """Move the settable clock forward, day by day: all that a day brings is taken in before the next."""
    platform = Platform.ready_at(state)
    try:
        instant = clockwork.local_time(to)
        if not platform.state.clock.exists():
            raise ValueError("this platform follows the system's clock; one started with --clock can be moved")
        days = clockwork.days_between(platform.now(), instant)
        with _progress("days", len(days)) as advance:
            platform.move_clock(instant, progress=lambda _day: advance())
    except ValueError as why:
        _end(str(why), code=2)
    print(platform.now().astimezone(BRUSSELS).strftime("%Y-%m-%dT%H:%M"))


@office.command("create")
def create_office(
    code: Annotated[str, typer.Argument(metavar="CODE", help="small letters, digits and hyphens")],
    name: Annotated[str, typer.Option(help="its name")],
    director: Annotated[str, typer.Option(help="the person id of its director")],
    since: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], metavar="DAY", help="the day it begins (default: today)"),
    ] = None,
    state: StateFolder = DEFAULT_STATE,
) -> None:
    """Found an office: policy, checklist, the director's first mandate. Returns when all services know it."""
    Platform.ready_at(state).create_office(code, name=name, director=director, since=since.date() if since else None)
    print(f"{code} is founded")


@app.command()
def token(
    role: Annotated[list[str], typer.Option(help=f"may be repeated: {', '.join(sorted(ROLES))}")],
    person: Annotated[str, typer.Option(help="the person id")],
    of: Annotated[str | None, typer.Option("--office", help="the office; an operator alone has none")] = None,
    display: Annotated[str | None, typer.Option(help="the name that is shown (default: the person id)")] = None,
    minutes: Annotated[int, typer.Option(min=1, max=525_600)] = 60,
    state: StateFolder = DEFAULT_STATE,
) -> None:
    """Print a signed token of the local issuer, alone on stdout."""
    unknown = sorted(set(role) - ROLES)
    if unknown:
        _end(f"there is no role {', '.join(unknown)}; there are {', '.join(sorted(ROLES))}", code=2)
    if of is None and role != [issuer.OPERATOR]:
        _end("an office is needed (--office), for every role but operator", code=2)
    place = State(state.resolve())
    if not issuer.jwks_file(place).exists():
        raise NotRunning(f"no platform was ever started on {place.root}; `up` makes what issues tokens")
    print(issuer.token(place, office=of, roles=role, person=person, name=display, minutes=minutes))


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="a court file or a ledger export")],
    key: Annotated[str | None, typer.Option(metavar="KEY", help="the key it must be signed with")] = None,
) -> None:
    """Verify a file offline: exit 0 genuine, 1 not genuine, 2 not readable."""
    _run("verifier", str(file), *(["--key", key] if key is not None else []))


@app.command()
def rebuild(
    service: Annotated[str, typer.Argument(metavar="SERVICE", help=" | ".join(SERVICES))],
    state: StateFolder = DEFAULT_STATE,
) -> None:
    """Build the service's views again from its events, while it runs."""
    if service not in SERVICES:
        _end(f"there is no service {service}; there are {', '.join(SERVICES)}", code=2)
    platform = Platform.ready_at(state)
    at = {name: int(seen["url"].rpartition(":")[2]) for name, seen in platform.components.items()}
    settings = service_settings(platform.state, service, at[service], database=at["postgres"], bus=at["nats"])
    os.environ.update(settings)
    os.environ.update(owner_settings(platform.state, at["postgres"], service))
    _run(f"services.{service}.main", "rebuild")


@app.command()
def backup(
    to: Annotated[Path, typer.Argument(metavar="DIR", help="a folder that is not there yet, or empty")],
    state: StateFolder = DEFAULT_STATE,
) -> None:
    """Copy all databases as they are at one moment, and the keys, while the platform runs."""
    asyncio.run(take_backup(Platform.ready_at(state), to.resolve()))
    print(f"the backup is in {to.resolve()}; who has it can read everything")


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(metavar="DIR", help="what `backup` made")],
    state: StateFolder = DEFAULT_STATE,
) -> None:
    """Make a new state folder of a backup; the platform on it shows all, and waits for a person before it writes."""
    place = State(state.resolve())
    if is_running(place):
        raise AlreadyRunning(f"a platform already runs on {place.root}")
    restore_backup(source.resolve(), place)
    print(
        f"{place.root} is as the backup; after `up`, writing waits for POST /epochs of each service (docs/runbook.md)"
    )


@app.command()
def bench(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME …]")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="write the figures there")] = None,
) -> None:
    """Measure: each figure a ratio of two things side by side, larger is better."""
    from operate.bench import bench as measure

    raise typer.Exit(measure(names or (), json_file=json_file))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False)
def test(
    ctx: typer.Context,
    faults: Annotated[bool, typer.Option("--faults", help="random faults instead (docs/faults.md)")] = False,
) -> None:
    """Run every test, on real embedded PostgreSQL and NATS, a worker per core and one more. Arguments go to pytest.

    With --faults: random faults while the story is played (--seed N, --minutes M; --help says more).
    """
    os.chdir(PROJECT)
    if faults:
        _become("tests.faults", *ctx.args)
    # Tests of what comes back by itself wait for it: one worker more than cores keeps the cores busy meanwhile. A file
    # stays on one worker: its tests share servers and histories. With names or options, whoever calls decides.
    workers = str(len(os.sched_getaffinity(0)) + 1)
    _become("pytest", *(ctx.args or ("-n", workers, "--dist", "loadfile", "--no-loadscope-reorder")))


@app.command()
def check() -> None:
    """Format, lint, types, architecture: what must be clean before a commit."""
    raise typer.Exit(check_all())


@app.command("dead-letters")
def dead_letters(state: StateFolder = DEFAULT_STATE) -> None:
    """Show what the platform could not handle, and why."""
    platform = Platform.ready_at(state)
    operator = issuer.operator_token(platform.state)
    nothing = True
    for service, url in platform.urls.items():
        for letter in _all_items(Door(url, operator), "/dead-letters"):
            nothing = False
            print(f"{service}: {letter.get('reason', 'unknown')}")
            for name, value in (letter | letter.get("envelope", {})).items():
                for told in value if isinstance(value, list) else [value]:
                    if name not in ("reason", "envelope") and told not in (None, ""):
                        print(f"    {name} {told}")
    if nothing:
        print("no dead letters")


@app.command()
def doctor(state: StateFolder = DEFAULT_STATE) -> None:
    """Say in plain words what is wrong on this machine, and with the platform if one runs."""
    wrong = 0
    for finding in findings(State(state.resolve())):
        wrong += not finding.fine
        print(f"{'ok     ' if finding.fine else 'WRONG  '} {finding.what}")
    raise typer.Exit(1 if wrong else 0)


def _clock_for(place: State, clock: str | None) -> datetime | None:
    """Begin a settable clock if one is asked for; return where an older one must still be moved to."""
    if clock is None:
        return None
    try:
        instant = clockwork.local_time(clock)
        if not place.clock.exists():
            begin_clock(place, at=instant)
            return None
        shown = SettableClock(place.clock).now()
        if instant < shown:
            raise ClockGoesBackwards(
                f"the clock of {place.root} already shows {shown.astimezone(BRUSSELS):%Y-%m-%dT%H:%M}"
            )
    except ValueError as why:
        _end(str(why), code=2)
    return instant


def _move_clock(platform: Platform, to: datetime) -> None:
    """Move the clock of a platform that is being started, which goes on also where something failed on the way."""
    try:
        platform.move_clock(to)
    except clockwork.DayNotDone as why:
        err.print(str(why))


def _start_detached(place: State, port: int | None) -> None:
    place.make()
    words = [sys.executable, "-P", "-m", "operate.supervisor", "--state", str(place.root)]
    words += ["--port", str(port)] if port is not None else []
    with place.log("supervisor").open("ab") as log:
        child = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=PROJECT, start_new_session=True, close_fds=True
        )
    try:
        wait_until_ready(place, child)
    except BaseException:
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
            child.wait()
        raise


def _show_addresses(platform: Platform) -> None:
    for service, url in platform.urls.items():
        print(f"{service:<14} {url}/docs")
    print(f"state          {platform.state.root}", flush=True)


def _status_of_nothing(place: State) -> dict[str, Any]:
    simulated = place.clock.exists()
    now = Platform(state=place).now().astimezone(BRUSSELS).isoformat(timespec="seconds")
    return {
        "state": str(place.root),
        "clock": "simulated" if simulated else "system",
        "now": now,
        "components": {},
    }


def _all_items(door: Door, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = door.get(f"{path}?limit=200" + (f"&cursor={cursor}" if cursor else ""))
        if answer.status != 200:
            raise Refused(answer.sentence)
        items += answer.body["items"]
        cursor = answer.body.get("next")
    return items


class _progress:
    """A bar on a terminal's stderr, nothing elsewhere; as a context it gives the function that moves it on."""

    def __init__(self, what: str, total: int) -> None:
        columns = (TextColumn(what), BarColumn(), MofNCompleteColumn())
        self._bar = Progress(*columns, console=err, transient=True, disable=not err.is_terminal)
        self._task = self._bar.add_task(what, total=total)

    def __enter__(self) -> Callable[[], None]:
        self._bar.start()
        return lambda: self._bar.advance(self._task)

    def __exit__(self, *_: object) -> None:
        self._bar.stop()


def _run(module: str, *words: str) -> NoReturn:
    """Run another program of ours as this process, which Ctrl-C ends as before; its exit code is ours."""
    sys.argv = [module, *words]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    raise typer.Exit


def _become(module: str, *words: str) -> NoReturn:
    """Go on as another program of ours; its exit code is ours."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-P", "-m", module, *words])


def _end(sentence: str, *, code: int) -> NoReturn:
    print(f"huurspoor: {sentence}", file=sys.stderr)
    sys.exit(code)
