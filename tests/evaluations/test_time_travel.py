"""Random lives of a lease over HTTP, with the clock that can be set (issue 5).

Any question about the past, asked again after more has happened, is answered by the same bytes; and the count of every
day is that of an outside reference, which is told only what was done and accepted.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from urllib.parse import urlencode

import asyncpg
import httpx
import pytest

from shared.contracts.visits import (
    FindingMarkedMistakenV1,
    FindingReattributedV1,
    FollowUpRecordedV1,
    PartyLeftV1,
    RenterInformedOfPolicyV1,
)
from tests.evaluations.conftest import Evaluations
from tests.evaluations.random_histories import Evaluated, Fact, History, Inform, Policy, day, naive
from tests.evaluations.test_doors import FATMA, KAREL, RITA, TOM, WIM, Lease, an_office, recorded

EVERYTHING = datetime(2100, 1, 1, tzinfo=UTC)
STEPS = 22
ASKED_EACH_STEP = 5


@dataclass
class Life:
    """A lease that lives on at random, and what was asked of it on the way."""

    it: Evaluations
    lease: Lease
    random: Random
    evaluations: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    instants: list[str] = field(default_factory=list)
    answers: dict[str, bytes] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)
    # what the reference is told
    adopted: list[Policy] = field(default_factory=lambda: [Policy(n=3, validity=24, cure=30, suspends=True)])
    informs: list[Inform] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    evaluated: list[Evaluated] = field(default_factory=list)

    def note(self, id: str, answer: httpx.Response, **became: Any) -> None:
        """Tell the reference what became of an evaluation, where that was accepted."""
        if answer.status_code == 200 and answer.json()["events"]:
            place = self.evaluations.index(id)
            self.evaluated[place] = replace(self.evaluated[place], **became)

    @property
    def history(self) -> History:
        """What the reference counts."""
        evaluated = (replace(one, facts=(fact,)) for one, fact in zip(self.evaluated, self.facts, strict=True))
        return History(policies=tuple(self.adopted), informs=tuple(self.informs), evaluations=tuple(evaluated))

    def tick(self) -> None:
        """Let a moment pass: two acts never happen at the same instant."""
        self.it.clock.at += timedelta(seconds=1)

    async def step(self) -> None:
        """Let one thing happen, some days later."""
        later = self.it.clock.today() + timedelta(days=self.random.choice([0, 1, 3, 20, 45]))
        if later > self.it.clock.today():
            await self.it.days_until(later.isoformat())
        what = self.random.choice(
            ["evaluate", "evaluate", "evaluate", "contest", "settle", "annul", "withdraw", "turn", "mistake", "policy",
             "inform", "mend", "leave", "review"]
        )  # fmt: skip
        self.steps.append(what)
        self.tick()
        await getattr(self, f"_{what}")()
        self.tick()
        self.instants.append(self.it.clock.at.isoformat())
        self.tick()

    def some(self, things: list[str]) -> str | None:
        return self.random.choice(things) if things else None

    def earlier(self) -> date:
        return self.it.clock.today() - timedelta(days=self.random.choice([0, 0, 2, 15]))

    async def _evaluate(self) -> None:
        visit, finding = await self.lease.visit(severity=3, consequence="damage")
        self.findings.append(finding)
        self.tick()
        evaluation = await self.lease.evaluated(visit, finding)
        self.evaluations.append(evaluation)
        today = offset(self.it.clock.today())
        self.facts.append(Fact(on=today, item="ONH-02"))
        self.evaluated.append(Evaluated(moment=len(self.evaluated), facts=(), decided=today))
        if self.random.random() < 0.9:
            self.tick()
            await self.it.days_until((self.it.clock.today() + timedelta(days=16)).isoformat())
            reached_on = self.earlier()
            await self.lease.reached(evaluation, reached_on)
            told = (offset(reached_on), 0)
            self.evaluated[-1] = replace(self.evaluated[-1], communicated=told)

    async def _contest(self) -> None:
        if (id := self.some(self.evaluations)) is not None:
            lodged = self.earlier()
            contest = {"lodged_on": lodged.isoformat(), "channel": "letter", "words": "niet akkoord"}
            contested = await self.it.act(f"/evaluations/{id}/contest", contest, **TOM)
            self.note(id, contested, contested=(offset(lodged), 0))

    async def _settle(self) -> None:
        if (id := self.some(self.evaluations)) is not None:
            outcome = self.random.choice(["upheld", "annulled"])
            heard = {"on": self.it.clock.today().isoformat()}
            settled = {"outcome": outcome, "reasons": "gewogen", "heard": heard}
            decided = await self.it.act(f"/evaluations/{id}/decide-contest", settled, **WIM)
            self.note(id, decided, **{outcome: (offset(self.it.clock.today()), 0)})

    async def _annul(self) -> None:
        if (id := self.some(self.evaluations)) is not None:
            on = self.earlier()
            body = {"why": "verkeerd gezien", "occurred_on": on.isoformat()}
            annulled = await self.it.act(f"/evaluations/{id}/annul", body, **RITA)
            self.note(id, annulled, annulled=(offset(on), 0))

    async def _withdraw(self) -> None:
        if (id := self.some(self.evaluations)) is not None:
            withdrawn = await self.it.act(f"/evaluations/{id}/withdraw", {"why": "te streng"}, **KAREL)
            self.note(id, withdrawn, withdrawn=(offset(self.it.clock.today()), 0))

    async def _turn(self) -> None:
        if (finding := self.some(self.findings)) is not None:
            place, on = self.findings.index(finding), self.earlier()
            if self.facts[place].turned is not None:
                return  # the reference knows of one turn only
            to: Any = self.random.choice(["owner", "renter"])
            self.facts[place] = replace(self.facts[place], turned=(offset(on), to, 0))
            why = await self.it.words(self.lease.id, "anders bekeken", name="why")
            fact = FindingReattributedV1(
                lease=self.lease.id, finding=finding, item="ONH-02", to=to, previously="renter", why=why
            )
            await self.it.told(fact, publisher="visits", stream=f"finding/{finding}", on=on, actor="karel")

    async def _mistake(self) -> None:
        if self.random.random() < 0.3 and (finding := self.some(self.findings)) is not None:
            place, on = self.findings.index(finding), self.earlier()
            first = self.facts[place].mistaken
            self.facts[place] = replace(self.facts[place], mistaken=min(first or (offset(on), 0), (offset(on), 0)))
            why = await self.it.words(self.lease.id, "andere woning", name="why")
            fact = FindingMarkedMistakenV1(lease=self.lease.id, finding=finding, why=why)
            await self.it.told(fact, publisher="visits", stream=f"finding/{finding}", on=on)

    async def _policy(self) -> None:
        from_ = self.it.clock.today() + timedelta(days=self.random.choice([0, 10]))
        chosen = {
            "threshold_n": self.random.choice([2, 3, 4]),
            "cure_days": self.random.choice([14, 30, 60]),
            "validity_months": self.random.choice([6, 12, 24]),
        }
        adopted = await self.it.act("/policies", {"in_force_from": from_.isoformat(), **chosen}, **RITA)
        if adopted.json()["events"]:
            n, cure, validity = chosen["threshold_n"], chosen["cure_days"], chosen["validity_months"]
            begins = offset(from_)
            self.adopted.append(Policy(n=n, validity=validity, cure=cure, suspends=True, from_=begins, adopted=0))

    async def _inform(self) -> None:
        versions = [one["version"] for one in (await self.it.read("/policies", **KAREL)).json()["items"]]
        fact = RenterInformedOfPolicyV1(
            lease=self.lease.id, policy_version=self.random.choice(versions), delivered_on=self.earlier()
        )
        await self.it.told(fact, publisher="visits", stream=f"lease/{self.lease.id}", on=fact.delivered_on)
        version = int(fact.policy_version.removeprefix("P-"))
        self.informs.append(Inform(version=version, on=offset(fact.delivered_on), known=0))

    async def _mend(self) -> None:
        if (finding := self.some(self.findings)) is not None:
            outcome: Any = self.random.choice(["resolved", "partly"])
            seen_on = self.it.clock.today()
            fact = FollowUpRecordedV1(
                lease=self.lease.id, finding=finding, item="ONH-02", seen_on=seen_on, outcome=outcome, seen_by="fatma"
            )
            await self.it.told(fact, publisher="visits", stream=f"finding/{finding}")

    async def _leave(self) -> None:
        fact = PartyLeftV1(lease=self.lease.id, party="iemand", left_on=self.earlier())
        await self.it.told(fact, publisher="visits", stream=f"lease/{self.lease.id}", on=fact.left_on)

    async def _review(self) -> None:
        body = {"lease": self.lease.id, "findings": self.findings[-1:], "why": "ernstig"}
        await self.it.act("/terminations", body, **KAREL)

    async def ask(self) -> None:
        """Ask about the past of everything there is, in one dimension, the other, or both."""
        files = (await self.it.read(f"/terminations?lease={self.lease.id}", **KAREL)).json()["items"]
        things = [f"/dossiers/{self.lease.id}", f"/dossiers/{self.lease.id}/standing"]
        things += [f"/evaluations/{id}" for id in self.evaluations] + [f"/terminations/{one['id']}" for one in files]
        for _ in range(ASKED_EACH_STEP):
            when = self.it.clock.today() + timedelta(days=self.random.randint(-60, 5))
            asked = {"known_at": self.random.choice(self.instants[-6:])}
            if self.random.random() < 0.7:
                asked["valid_on"] = when.isoformat()
            if self.random.random() < 0.2:
                del asked["known_at"]  # then more may become known: it is asked, and not expected to stay
            path = self.random.choice(things)
            if path.startswith("/dossiers") and not path.endswith("standing"):
                asked["limit"] = "200"
            url = f"{path}?{urlencode(asked)}"
            answer = await self.it.read(url, **KAREL)
            assert answer.status_code in (200, 404), answer.text
            if "known_at" in asked:
                self.answers[url] = said(answer)


def said(answer: httpx.Response) -> bytes:
    """Return what an answer says; of a thing that did not exist yet only that."""
    return answer.content if answer.status_code == 200 else b"404"


def offset(on: date) -> int:
    """Return a day as the reference counts days."""
    return (on - day(0)).days


async def compare(life: Life) -> None:
    """Compare the count of many days with the outside reference."""
    today = life.it.clock.today()
    for ahead in range(-400, 40, 11):
        on = today + timedelta(days=ahead)
        if on < date(2025, 11, 3):
            continue
        stood = await life.lease.standing(on=on.isoformat())
        expected = naive(life.history, on, EVERYTHING)
        assert [(one["count"], one["threshold"]) for one in stood["tracks"]] == [
            (one["count"], one["threshold"]) for one in expected
        ], (on, life.steps)
        names = {f"E{place}": id for place, id in enumerate(life.evaluations)}
        places: dict[str, Any] = {id: "counted" for id in stood["counted"]}
        places |= {one["id"]: (one["reason"], one["into"]) for one in stood["merged"]}
        places |= {one["id"]: one["reason"] for one in stood["excluded"]}
        track = next(place for place, one in enumerate(stood["tracks"]) if one["pin"] == stood["track"])
        wanted = {
            names[id]: place if isinstance(place, str) else (place[0], names[place[1]])
            for id, place in expected[track]["places"].items()
        }
        assert places == wanted, (on, life.steps)


@pytest.mark.parametrize("seed", range(6))
async def test_an_answer_for_a_past_instant_never_changes(evaluations: Evaluations, seed: int) -> None:
    it = evaluations
    await an_office(it)
    lease = await Lease(it).begins()
    await it.days_until("2026-01-05")
    for person in ("karel", "wim"):
        mandate = {"person": person, "role": "coordinator", "acts": ["*"], "from": "2026-01-05"}
        assert recorded(await it.act("/mandates", mandate, **RITA)) == ["MandateGiven"]
    life = Life(it, lease, Random(seed))
    for _ in range(STEPS):
        await life.step()
        await life.ask()
    kinds = {url.split("?")[0].split("/")[1] + ("+standing" if "standing" in url else "") for url in life.answers}
    assert {"dossiers", "dossiers+standing", "evaluations"} <= kinds
    changed = [url for url, answer in life.answers.items() if said(await it.read(url, **KAREL)) != answer]
    assert changed == [], life.steps
    await compare(life)


async def test_both_dimensions_meet_in_one_question(evaluations: Evaluations) -> None:
    """What was known on 7 May of how things stood on 4 May, beside what was known earlier, and of later days."""
    it = evaluations
    await an_office(it)
    lease = await Lease(it).begins()
    ids, findings = await lease.three_evaluations()  # the last letter on 5 May
    it.clock.at += timedelta(seconds=1)
    before = it.clock.at.isoformat()
    await it.days_until("2026-05-07")
    why = await it.words(lease.id, "lek in het dak", name="why")
    turned = FindingReattributedV1(
        lease=lease.id, finding=findings[0], item="ONH-02", to="owner", previously="renter", why=why
    )
    await it.told(turned, publisher="visits", stream=f"finding/{findings[0]}", on=date(2026, 5, 4), actor="karel")
    it.clock.at += timedelta(seconds=1)
    after = it.clock.at.isoformat()

    async def count(on: str, known_at: str) -> int:
        answer = await it.read(f"/dossiers/{lease.id}/standing?{urlencode({'on': on, 'known_at': known_at})}", **KAREL)
        found: int = answer.json()["count"]
        return found

    assert [await count(on, before) for on in ("2026-05-03", "2026-05-04", "2026-05-05")] == [2, 2, 3]
    assert [await count(on, after) for on in ("2026-05-03", "2026-05-04", "2026-05-05")] == [2, 1, 2]

    async def types(**asked: str) -> list[str]:
        answer = await it.read(f"/dossiers/{lease.id}?{urlencode({'limit': '200', **asked})}", **FATMA)
        return [entry["type"] for entry in answer.json()["entries"]]

    assert "FindingReattributed" in await types(valid_on="2026-05-04", known_at=after)
    assert "FindingReattributed" not in await types(valid_on="2026-05-03", known_at=after)
    assert "FindingReattributed" not in await types(valid_on="2026-05-04", known_at=before)

    async def evaluation(**asked: str) -> Any:
        return (await it.read(f"/evaluations/{ids[2]}?{urlencode(asked)}", **KAREL)).json()

    assert (await evaluation(valid_on="2026-05-05"))["state"] == "communicated"
    assert (await evaluation(valid_on="2026-05-04"))["status"] == 404
    file = (await it.read(f"/terminations?lease={lease.id}", **KAREL)).json()["items"][0]["id"]
    for asked, doubtful in (
        ({"known_at": before}, False),
        ({"known_at": after}, True),
        ({"valid_on": "2026-05-05"}, False),
    ):
        shown = (await it.read(f"/terminations/{file}?{urlencode(asked)}", **KAREL)).json()
        assert shown["doubtful"] is doubtful


async def test_what_is_being_committed_is_in_every_answer_of_its_instant_or_in_none(evaluations: Evaluations) -> None:
    """The database keeps a commit waiting; it is dated already, and known only once it is there."""
    it = evaluations
    await an_office(it)
    lease = await Lease(it).begins()
    await it.days_until("2026-01-05")
    opened = {"lease": lease.id, "date": "2026-01-05", "about": "de huur", "why": "achterstand"}
    async with held_up(it, "ledger"):
        act = asyncio.create_task(it.act("/moments", opened, **KAREL))
        await somebody_waits(it)
        it.clock.at += timedelta(minutes=1)
        known = it.clock.at.isoformat()
        standing, timeline = f"/dossiers/{lease.id}/standing", f"/dossiers/{lease.id}"
        then = [f"{path}?{urlencode({'known_at': known})}" for path in (timeline, standing)]
        asked = [asyncio.create_task(it.read(path, **KAREL)) for path in then]
        now = await it.read(standing, **KAREL)
        assert (await it.read(timeline, **KAREL)).status_code == 200
    assert (await act).status_code == 201
    first = dict(zip(then, await asyncio.gather(*asked), strict=True))
    first[f"{standing}?{urlencode({'known_at': now.json()['as_known_at']})}"] = now
    for path, answer in first.items():
        assert answer.status_code == 200
        again = {**(await it.read(path, **KAREL)).json(), "as_known_at": None}  # one instant, in two time zones
        assert again == {**answer.json(), "as_known_at": None}, path
    assert first[then[0]].json()["entries"][-1]["type"] == "EvaluationMomentOpened"


async def test_a_clock_that_is_put_back_adds_nothing_to_what_was_answered(evaluations: Evaluations) -> None:
    it = evaluations
    await an_office(it)
    lease = await Lease(it).begins()
    await it.days_until("2026-01-05")
    known = it.clock.at.isoformat()
    asked = f"/dossiers/{lease.id}?{urlencode({'known_at': known, 'limit': '200'})}"
    before = await it.read(asked, **KAREL)
    it.clock.at -= timedelta(hours=1)
    opened = {"lease": lease.id, "date": "2026-01-05", "about": "de huur", "why": "achterstand"}
    assert (await it.act("/moments", opened, **KAREL)).status_code == 201
    assert (await it.read(asked, **KAREL)).content == before.content


@asynccontextmanager
async def held_up(it: Evaluations, table: str) -> AsyncIterator[None]:
    """Let nobody write to a table of the service."""
    owner = await asyncpg.connect(it.database.owner)
    try:
        async with owner.transaction():
            await owner.execute(f"lock table {table} in exclusive mode")
            yield
    finally:
        await owner.close()


async def somebody_waits(it: Evaluations) -> None:
    """Return once a commit waits for a table."""
    owner = await asyncpg.connect(it.database.owner)
    async with asyncio.timeout(60):
        while not await owner.fetchval("select count(*) from pg_locks where not granted"):
            await asyncio.sleep(0.01)
    await owner.close()
