"""Whether the count has crossed the threshold, noted once for each crossing and never in the past (domain 4.3).

A crossing opens a review and does nothing else.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import assert_never

from services.evaluations.events import ReviewDue, StandingEvent, ThresholdNoLongerMet, ThresholdReached
from services.evaluations.rules.counting import Standing
from shared.decisions import Stream


@dataclass(frozen=True, kw_only=True)
class Crossing:
    """What was noted of a lease so far.

    :ivar reached: the last crossing noted was upwards.
    :ivar crossings: how often the threshold was reached, ever.
    """

    reached: bool = False
    crossings: int = 0
    last: ThresholdReached | None = None


def note_crossing(
    crossing: Crossing,
    *,
    stood: Standing,
    newly_counted: Collection[str],
    open_review: str | None,
    new_review: str,
) -> list[StandingEvent]:
    """Note today's count: a threshold reached, no longer met, or a further evaluation that nobody looks at yet.

    :param stood: how the lease stands today, with everything known now.
    :param newly_counted: evaluations that count and did not a moment ago.
    :param open_review: the termination file that is open, if there is one.
    :param new_review: the id that a review opened by this crossing gets.
    """
    track = stood.headline
    if stood.reached and not crossing.reached:
        return [
            ThresholdReached(
                lease=stood.lease,
                count=track.count,
                threshold=track.threshold,
                track=track.pin,
                evaluations=track.counted,
                termination=open_review or new_review,
                policy_version=stood.policy_version,
            )
        ]
    if crossing.reached and not stood.reached:
        return [
            ThresholdNoLongerMet(
                lease=stood.lease, count=track.count, threshold=track.threshold, termination=open_review
            )
        ]
    if stood.reached and open_review is None:
        return [
            ReviewDue(lease=stood.lease, evaluation=id, count=track.count, threshold=track.threshold)
            for id in track.counted
            if id in newly_counted
        ]
    return []


def evolve(crossing: Crossing, event: StandingEvent) -> Crossing:
    match event:
        case ThresholdReached():
            return Crossing(reached=True, crossings=crossing.crossings + 1, last=event)
        case ThresholdNoLongerMet():
            return replace(crossing, reached=False)
        case ReviewDue():
            return crossing
        case _:
            assert_never(event)


STANDING = Stream("standing", initial=Crossing(), evolve=evolve, events=StandingEvent)
