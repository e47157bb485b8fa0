"""Which worker takes which tests, and when."""

from collections.abc import Iterable
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

# Their tests share nothing: each starts a platform of its own. All other files stay on one worker.
EACH_BY_ITSELF = ("tests/faults/test_the_suite_can_fail.py", "tests/journeys/test_commit_points.py")


def in_turn(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """Return tests in the order in which ``FromBothEnds`` wants them.

    First those that share a platform for the whole session, so that it is started once; then those that start one of
    their own, which last longest and can be shared out best; then those that need none. Files stay together.
    """
    items = list(items)
    shares = {item.path for item in items if {"platform", "watched"} & set(getattr(item, "fixturenames", ()))}

    def turn(item: pytest.Item) -> int:
        if item.get_closest_marker("journey") is None:
            return 2
        return 0 if item.path in shares else 1

    return sorted(items, key=turn)


class FromBothEnds(LoadFileScheduling):  # type: ignore[misc] # the library has no types
    """The first worker takes the tests in order, the others from the end, until they meet.

    So as long as can be only one of them works with whole platforms, which want a core and more each and are started
    once there, and what takes long is not left to one of them when there is nothing else.
    """

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if nodeid.startswith(EACH_BY_ITSELF) else str(super()._split_scope(nodeid))

    def _assign_work_unit(self, node: Any) -> None:
        if self.nodes.index(node) > 0:
            self.workqueue.move_to_end(next(reversed(self.workqueue)), last=False)
        super()._assign_work_unit(node)

    def _reschedule(self, node: Any) -> None:
        # The library hands out more when two tests are left: what waits behind a long one could be another worker's.
        if not self.workqueue or self._pending_of(self.assigned_work[node]) < 2:
            super()._reschedule(node)
