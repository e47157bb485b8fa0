"""Given / when / then: a rule's example in the words of the rule."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from shared.decisions import AnyStream, Recorded, Refusal

LONG_AGO = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


def recorded(
    event: Any, *, on: date | None = None, at: datetime = LONG_AGO, actor: str = "SYS", **beside: Any
) -> Recorded[Any]:
    """Return ``event`` as the store would hand it to an ``evolve`` that asks for dates."""
    whole = Recorded(
        event=event,
        id="e-0",
        stream="test/1",
        version=0,
        occurred_on=on or at.date(),
        recorded_at=at,
        taken_in_at=at,
        actor=actor,
    )
    return replace(whole, **beside)


def state_of(stream: AnyStream, *events: Any) -> Any:
    """Fold events (or events wrapped by ``recorded``) into the state of a stream."""
    state = stream.initial
    for number, event in enumerate(events, start=1):
        whole = event if isinstance(event, Recorded) else recorded(event)
        state = stream.after(state, replace(whole, version=number))
    return state


@dataclass(frozen=True)
class When:
    """What was done, and what came of it."""

    events: list[Any] | None
    refusal: Refusal | None

    def then(self, *expected: Any) -> None:
        """Exactly these events were recorded, in this order."""
        assert self.refusal is None, f"refused: {self.refusal!r} {getattr(self.refusal, 'named', '')}"
        assert self.events == list(expected)

    def then_nothing_happens(self) -> None:
        """It was so already."""
        self.then()

    def then_refused(self, reason: type[Refusal], *codes: str) -> None:
        """The rule says no for exactly this reason, naming exactly these codes."""
        assert self.refusal is not None, f"not refused; recorded {self.events}"
        assert type(self.refusal) is reason, f"refused for another reason: {self.refusal!r}"
        if codes:
            assert [named.code for named in self.refusal.named] == list(codes)

    def then_it_holds(self, check: Callable[[list[Any]], bool | None]) -> None:
        """The events recorded satisfy ``check``, for what is too long to write out."""
        assert self.refusal is None, f"refused: {self.refusal!r}"
        assert self.events is not None and check(self.events) is not False


@dataclass(frozen=True)
class Given:
    """The past."""

    state: Any

    def when(self, decision: Callable[..., Iterable[Any]], /, **facts: Any) -> When:
        """Take a decision about it."""
        try:
            return When(list(decision(self.state, **facts)), None)
        except Refusal as refusal:
            return When(None, refusal)


def given(stream: AnyStream, *events: Any) -> Given:
    """Start from the events of one stream."""
    return Given(state_of(stream, *events))
