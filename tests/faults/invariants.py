"""What must hold after a run, whatever went wrong in it (hardening 1), each in one sentence when it does not."""

import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from operate.platform import Platform
from operate.state import PROJECT, SERVICES
from tests.faults.play import Played
from tests.journeys import truth

SECONDS_TO_FIRST_COMMAND = 5.0
STILL_THERE = "FATAL:  pre-existing shared memory block"  # says a PostgreSQL that ends because of it
Facts = Counter[tuple[str, ...]]


def violations(played: Played, *, peace: Facts | None = None, whole: bool = True) -> list[str]:
    """Return what does not hold of a run.

    :param peace: the facts of the same story without faults.
    :param whole: also those that take long: views built again, the file for court verified.
    """
    platform = played.platform
    checks: list[tuple[str, Callable[[], None]]] = [
        ("I1 I2", lambda: truth.every_acknowledged_act_is_there_once(platform, played.story.acts)),
        ("I2", lambda: truth.positions_are_gap_free(platform)),
        ("I2 I3", lambda: no_event_lies_twice_in_a_stream(played)),
        ("I3", lambda: truth.every_message_was_taken_once(platform)),
        ("I3", lambda: nothing_was_asked_for_again(played)),
        ("I3", lambda: no_message_left_twice(played)),
        ("I4", lambda: the_ledger_holds_each_entry_once(played)),
        ("I7", lambda: commands_came_back_at_once(played)),
        ("I7", lambda: no_healthy_part_was_started_again(platform, played.hand.killed)),
        ("I8", lambda: one_key_had_one_answer(played)),
    ]
    if peace is not None:
        checks.append(("facts", lambda: the_facts_are_those_of_peace(played, peace)))
    if whole:
        checks += [
            ("I5", lambda: truth.views_equal_their_rebuild(platform)),
            ("I4", lambda: the_file_for_court_verifies(played)),
        ]
    found = []
    for name, check in checks:
        try:
            check()
        except AssertionError as broken:
            found.append(f"{name}: {broken}")
    return found


def no_event_lies_twice_in_a_stream(played: Played) -> None:
    """Of an event, own or told, each stream holds one."""
    doubled = truth.doubled_events(played.platform)
    assert not doubled, f"{len(doubled)} events lie twice in a stream: {sorted(set(doubled))}"


def nothing_was_asked_for_again(played: Played) -> None:
    """Where the bus kept what it had, nobody missed anything: asking for history would hide that it was lost."""
    if played.wiped:
        return
    for service in SERVICES:
        # A request whose range is empty only asks for the head.
        rows = truth.asked(
            played.platform,
            service,
            "select publisher, first, last from (select data ->> 'publisher' publisher, (data ->> 'from')::int first,"
            " (data ->> 'until')::int last from (select convert_from(envelope, 'UTF8')::jsonb -> 'data' data, type"
            " from outbox) o where type = 'HistoryRequested') r where first <= last",
        )
        assert not rows, f"{service} missed {rows}"


def no_message_left_twice(played: Played) -> None:
    """Each message left once, or a person is asked about it; each letter was recorded as sent once."""
    times = Counter(played.carrier.keys)
    twice = [key for key, number in times.items() if number > 1]
    assert not twice, f"{len(twice)} messages left twice"
    assert played.carrier.forged == 0
    sent = truth.letters_sent(played.platform)
    assert set(sent.values()) <= {1}, f"letters were sent {sorted(sent.values())} times"
    rows = truth.asked(played.platform, "notifications", "select id, state, body ->> 'key' from sendings")
    tasks = truth.asked(
        played.platform, "notifications", "select about from tasks where kind = 'message_to_settle' and state = 'open'"
    )
    asked_about = {row[0] for row in tasks}
    for id, state, key in rows:
        assert state in ("sent", "unknown"), f"a message is {state}"
        assert state == "unknown" or key in times, "a message is called sent that never left"
        assert state == "sent" or id in asked_about, "of an unknown message nobody is asked"


def the_ledger_holds_each_entry_once(played: Played) -> None:
    """Each office's ledger holds every published event that it must, once, each with the hash of the one before."""
    rows = truth.asked(
        played.platform,
        "evaluations",
        "select office, service, epoch, service_position, count(*) from ledger group by 1, 2, 3, 4 having count(*) > 1",
    )
    assert not rows, f"the ledger holds {len(rows)} entries twice"


def commands_came_back_at_once(played: Played) -> None:
    """After healing the first command of each service is answered within five seconds."""
    late = {
        service: seconds for service, seconds in played.seconds_to_first.items() if seconds > SECONDS_TO_FIRST_COMMAND
    }
    assert not late, f"the first command took {late} seconds"


def no_healthy_part_was_started_again(platform: Platform, killed: Mapping[str, int]) -> None:
    """Only what was ended was started again; one that found a killed server's processes still there did not start."""
    for name, seen in platform.components.items():
        began = seen["starts"] - platform.state.log(name).read_text(errors="replace").count(STILL_THERE)
        ended = killed.get(name, 0)
        assert began <= 1 + ended, f"{name} was started {began} times, and ended {ended} times"


def one_key_had_one_answer(played: Played) -> None:
    """What was asked twice under one key was answered in one way."""
    assert not played.client.differing, f"one key had two answers: {played.client.differing}"


def the_facts_are_those_of_peace(played: Played, peace: Facts) -> None:
    """Leaving out ids, instants and order, what became public is what becomes public without faults."""
    found = truth.facts(played.platform)
    more, fewer = found - peace, peace - found
    assert not more and not fewer, f"too many: {sorted(more.elements())}; missing: {sorted(fewer.elements())}"


def the_file_for_court_verifies(played: Played) -> None:
    """A file for court of the story's lease is genuine to the verifier, which imports nothing of ours."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "file.json"
        file.write_bytes(played.story.court_file())
        words = [sys.executable, "-P", "-m", "verifier", str(file)]
        done = subprocess.run(words, cwd=PROJECT, env={"PYTHONPATH": str(PROJECT)}, capture_output=True, text=True)
        assert done.returncode == 0, f"the file for court does not verify: {done.stdout[-500:]}"
