"""Which termination files of a lease are open, as evaluations told them: a file is not closed before they are."""

from typing import assert_never

from shared.contracts.evaluations import (
    JudgmentGivenV1,
    NoticePostedV1,
    NoticeWithdrawnV1,
    ReviewOpenedV1,
    TerminationClosedV1,
    TerminationLapsedV1,
    TerminationNotPursuedV1,
)
from shared.decisions import Stream

TerminationTold = (
    ReviewOpenedV1
    | TerminationNotPursuedV1
    | NoticePostedV1
    | NoticeWithdrawnV1
    | JudgmentGivenV1
    | TerminationLapsedV1
    | TerminationClosedV1
)
Open = frozenset[str]
NONE_OPEN: Open = frozenset()


def evolve(still_open: Open, event: TerminationTold) -> Open:
    match event:
        case ReviewOpenedV1() | NoticePostedV1():
            return still_open | {event.termination}
        case TerminationNotPursuedV1() | NoticeWithdrawnV1() | TerminationLapsedV1() | TerminationClosedV1():
            return still_open - {event.termination}
        case JudgmentGivenV1():
            return still_open - {event.termination} if event.result == "rejected" else still_open
        case _:
            assert_never(event)


TERMINATIONS = Stream("terminations", initial=NONE_OPEN, evolve=evolve, events=TerminationTold)
