"""Whatever is recorded in whichever order, a letter is communicated when every required addressee was reached (9.3)."""

from datetime import date, timedelta
from typing import Any

from hypothesis import given as all_of
from hypothesis import strategies as st

from services.notifications.rules.communication import (
    COMMUNICATION,
    Communication,
    correct_proof,
    record_delivered,
    record_not_collected,
    record_refused,
    record_returned,
    send_again,
)
from shared.decisions import Elsewhere, Refusal
from tests.notifications.letters import (
    AGAIN,
    AN,
    APPROVED,
    BERT,
    CELIA,
    LETTER,
    PROOF,
    SENT,
    drafted,
    file_of,
    sent,
    to,
    words,
)
from tests.specification import recorded

WHO = (AN, BERT)
ACTS = {
    "delivered": lambda letter, **facts: record_delivered(letter, proof=PROOF, **facts),
    "refused": record_refused,
    "not_collected": record_not_collected,
    "returned": record_returned,
}
acts = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(sorted(ACTS)), st.sampled_from((*WHO, CELIA)), st.integers(0, 40)),
        st.tuples(st.just("correct"), st.sampled_from(WHO), st.integers(0, 40)),
        st.tuples(st.just("again"), st.just(""), st.integers(0, 40)),
    ),
    max_size=12,
)


class Letters:
    """A letter to two spouses and a copy, and its repetition."""

    def __init__(self) -> None:
        self.states: dict[str, Communication] = {}
        self.told: list[Any] = []
        copy = to(CELIA, None, copy=True)
        for event in (drafted(to(AN), to(BERT), copy), APPROVED, recorded(sent(AN, BERT))):
            self.record(LETTER, event)

    def record(self, id: str, event: Any) -> None:
        state = self.states.get(id, COMMUNICATION.initial)
        self.states[id] = COMMUNICATION.after(state, event)

    def do(self, id: str, decision: Any, **facts: Any) -> None:
        try:
            events = decision(self.states[id], id=id, **facts)
        except Refusal:
            return
        for event in events:
            stream, what = (event.id, event.event) if isinstance(event, Elsewhere) else (id, event)
            self.record(stream, recorded(what, id=f"ev-{len(self.told)}"))
            self.told.append(what)
        if events and decision is not send_again:
            assert decision(self.states[id], id=id, **facts) == [] or "why" in facts  # the same fact twice is one


@all_of(acts)
def test_a_letter_is_communicated_on_the_latest_day_of_those_who_must_be_reached(story: list[Any]) -> None:
    letters = Letters()
    for act, who, after in story:
        day = SENT + timedelta(days=after)
        for id in tuple(letters.states):
            if act == "again" and id == LETTER and AGAIN not in letters.states:
                anew = {"again": AGAIN, "already": Communication(), "file": file_of()}
                letters.do(id, send_again, **anew, method="handover", on=day)
            elif act == "correct":
                letters.do(
                    id,
                    correct_proof,
                    letters=letters.states,
                    addressee=who,
                    outcome="delivered",
                    on=day,
                    why=words("x"),
                )
            elif act in ACTS:
                letters.do(id, ACTS[act], letters=letters.states, addressee=who, on=day)
        check(letters.states)


def check(states: dict[str, Communication]) -> None:
    first = states[LETTER]
    days: list[date | None] = []
    for who in WHO:
        known = [one for letter in states.values() if (one := letter.of(who)) is not None]
        reached = [one.on for one in known if one.state in ("delivered", "refused") and one.on is not None]
        days.append(min(reached, default=None))
    expected = None if None in days else max(day for day in days if day is not None)
    assert (first.reached.communicated_on if first.reached else None) == expected
    assert all(letter.reached is None for id, letter in states.items() if id != LETTER)


def test_the_story_begins_with_a_letter_to_two_who_must_be_reached() -> None:
    first = Letters().states[LETTER]
    assert first.required == WHO
    assert first.state == "sent"
