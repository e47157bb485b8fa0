"""Referrals over HTTP, on a real database."""

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import httpx

from shared.contracts.visits import LeaseRegisteredV1, LeaseStartedV1, PartyV1
from tests.referrals.conftest import Referrals
from tests.referrals.test_referral import REGISTERED, STARTED

TODAY = "2026-03-02"  # by the clock of these tests
LEASE, PARTY = "7d2f6f0a-5a53-4f0a-9a51-0d6f4a6f0001", "7d2f6f0a-5a53-4f0a-9a51-0d6f4a6f0002"
NORA: dict[str, Any] = {"sub": "nora"}


def registered(lease: str = LEASE, **other: Any) -> LeaseRegisteredV1:
    return replace(REGISTERED, lease=lease, **other)


def started(lease: str = LEASE) -> LeaseStartedV1:
    return replace(STARTED, lease=lease)


async def partner_with_protocol(referrals: Referrals) -> str:
    listed = await referrals.act("/partners", {"name": "Budgethulp", "kind": "debt_mediation"}, role="coordinator")
    assert listed.status_code == 201, listed.text
    partner: str = listed.json()["id"]
    protocol = {"partner": partner, "from": "2026-01-01", "until": "2026-12-31", "reference": "DPA-7"}
    agreed = await referrals.act("/data-sharing-protocols", protocol, role="director")
    assert agreed.status_code == 201, agreed.text
    return partner


async def proposed(referrals: Referrals, partner: str, lease: str = LEASE) -> str:
    body = {"lease": lease, "need": "money", "partner": partner, "why": "aanmaningen op tafel"}
    answer = await referrals.act("/referrals", body, **NORA)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/referrals/{answer.json()['id']}"
    referral: str = answer.json()["id"]
    return referral


async def agreed(referrals: Referrals, referral: str, *, scope: tuple[str, ...] = ("naam", "telefoon")) -> None:
    asked = {"explained_in": "tr", "what_is_shared": ["naam", "telefoon"]}
    assert (await referrals.act(f"/referrals/{referral}/ask-consent", asked, **NORA)).status_code == 200
    given = {"on": TODAY, "scope": list(scope), "form": "getekend", "by_party": PARTY}
    answer = await referrals.act(f"/referrals/{referral}/give-consent", given, **NORA)
    assert answer.status_code == 200, answer.text


def reason(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


def recorded(answer: httpx.Response) -> list[str]:
    assert answer.status_code in (200, 201), answer.text
    return [event["type"] for event in answer.json()["events"]]


async def test_a_warm_referral_from_offer_to_end(referrals: Referrals) -> None:
    await referrals.told(registered(), started())
    referral = await proposed(referrals, await partner_with_protocol(referrals))
    await agreed(referrals, referral)
    at = f"/referrals/{referral}"
    steps: list[tuple[str, dict[str, Any], str, str]] = [
        ("give-contact-details", {"shared": ["naam"]}, "ContactDetailsGiven", "details_given"),
        ("call-together", {"minutes": 20, "spoke_with": "onthaal"}, "CalledTogether", "called_together"),
        ("accompany", {"on": TODAY, "minutes": 90}, "ReferralAccompanied", "accompanied"),
        ("confirm-intake", {"on": TODAY, "confirmed_by": "onthaal"}, "IntakeConfirmed", "intake_confirmed"),
        ("finish", {"by": "partner", "why": "plan loopt"}, "ReferralFinished", "finished"),
    ]
    for act, body, event, state in steps:
        answer = await referrals.act(f"{at}/{act}", body, **NORA)
        assert recorded(answer) == [event]
        assert answer.json()["state"] == state
    whole = (await referrals.read(at, **NORA)).json()
    assert (whole["need"], whole["why"], whole["warm"]) == ("money", "aanmaningen op tafel", True)
    assert whole["asked"]["what_is_shared"] == ["naam", "telefoon"]
    assert [(step["step"], step.get("by"), step.get("minutes")) for step in whole["steps"]] == [
        ("contact_details_given", "nora", None),
        ("called_together", "nora", 20),
        ("accompanied", "nora", 90),
        ("intake_confirmed", None, None),
    ]
    assert whole["withheld"] == []


async def test_what_a_referral_is_about_is_read_by_the_counsellor_of_the_lease_alone(referrals: Referrals) -> None:
    await referrals.told(registered(), started())
    referral = await proposed(referrals, await partner_with_protocol(referrals))
    for role, person in (("counsellor", "sofie"), ("coordinator", "hilde"), ("auditor", "an"), ("dpo", "dirk")):
        seen = (await referrals.read(f"/referrals/{referral}", role=role, sub=person)).json()
        assert {"need", "partner", "why"}.isdisjoint(seen)
        assert set(seen["withheld"]) == {"need", "partner", "why"}
    for role in ("director", "administration", "technical", "bridge-figure"):
        assert (await referrals.read(f"/referrals/{referral}", role=role)).status_code == 403


async def test_no_step_tells_anybody_else_to_whom_it_went(referrals: Referrals) -> None:
    """The protocol under which data went is one with one partner: whoever reads it knows the partner."""
    await referrals.told(registered(), started())
    referral = await proposed(referrals, await partner_with_protocol(referrals))
    await agreed(referrals, referral)
    (protocol,) = (await referrals.read("/data-sharing-protocols")).json()["items"]
    for act in ("give-contact-details", "call-together"):
        done = await referrals.act(f"/referrals/{referral}/{act}", role="coordinator", sub="hilde")
        assert protocol["id"] not in done.text
    for role, person in (("counsellor", "sofie"), ("coordinator", "hilde"), ("auditor", "an"), ("dpo", "dirk")):
        seen = await referrals.read(f"/referrals/{referral}", role=role, sub=person)
        assert protocol["id"] not in seen.text
        assert "steps.protocol" in seen.json()["withheld"]
    own = (await referrals.read(f"/referrals/{referral}", **NORA)).json()
    assert [step["protocol"] for step in own["steps"]] == [protocol["id"]] * 2


async def test_that_help_was_offered_reaches_evaluations_and_nothing_else(referrals: Referrals) -> None:
    await referrals.told(registered(), started())
    referral = await proposed(referrals, await partner_with_protocol(referrals))
    await agreed(referrals, referral)
    envelopes = [json.loads(body) for body in await referrals.envelopes()]
    heard = [
        one for one in envelopes if one["type"].split(".")[2] in ("ReferralOffered", "OcmwConsulted", "OcmwAnswered")
    ]
    assert [one["data"] for one in heard] == [{"lease": LEASE, "offered_on": TODAY}]
    streams = {one["stream"] for one in heard}
    assert all(one["stream"] not in streams for one in envelopes if one not in heard)
    assert all(referral not in json.dumps(one) for one in heard)


async def test_refusals_in_words(referrals: Referrals) -> None:
    await referrals.told(registered(), started())
    partner = await partner_with_protocol(referrals)
    nowhere = {"lease": LEASE, "need": "money", "partner": str(uuid4())}
    assert reason(await referrals.act("/referrals", nowhere, **NORA)) == (409, "unknown")
    elsewhere = {"lease": str(uuid4()), "need": "money", "partner": partner}
    assert reason(await referrals.act("/referrals", elsewhere, **NORA)) == (409, "not-yet-known")
    referral = await proposed(referrals, partner)
    at = f"/referrals/{referral}"
    empty: list[dict[str, Any]] = [{}, {"what_is_shared": None}, {"what_is_shared": []}, {"what_is_shared": ["  "]}]
    for nothing in empty:
        assert reason(await referrals.act(f"{at}/ask-consent", nothing, **NORA)) == (409, "share-list-missing")
    assert reason(await referrals.act(f"{at}/call-together", **NORA)) == (409, "no-consent")
    assert reason(await referrals.act(f"{at}/give-contact-details", **NORA)) == (409, "no-consent")
    assert reason(await referrals.act(f"{at}/accompany", {"on": TODAY}, **NORA)) == (409, "no-consent")
    assert reason(await referrals.act(f"{at}/finish", **NORA)) == (409, "wrong-state")
    await agreed(referrals, referral)
    beyond = await referrals.act(f"{at}/give-contact-details", {"shared": ["schulden"]}, **NORA)
    assert reason(beyond) == (409, "no-consent")
    assert beyond.json()["errors"] == [
        {"pointer": "/shared/0", "code": "BEYOND_CONSENT", "detail": "Dit staat niet in de toestemming van de huurder."}
    ]
    future = await referrals.act(f"{at}/accompany", {"on": "2026-03-03"}, **NORA)
    assert reason(future) == (409, "occurred-in-future")


async def test_sharing_stops_with_the_protocol(referrals: Referrals) -> None:
    await referrals.told(registered(), started())
    partner = await partner_with_protocol(referrals)
    referral = await proposed(referrals, partner)
    await agreed(referrals, referral)
    (protocol,) = (await referrals.read("/data-sharing-protocols")).json()["items"]
    retired = await referrals.act(f"/data-sharing-protocols/{protocol['id']}/retire", role="coordinator")
    assert recorded(retired)[0] == "DataSharingProtocolRetired"
    called = await referrals.act(f"/referrals/{referral}/call-together", **NORA)
    assert reason(called) == (409, "no-protocol")
    shown = (await referrals.read(f"/partners/{partner}")).json()["data_sharing_protocols"]
    assert [(one["id"], one["retired_on"]) for one in shown] == [(protocol["id"], TODAY)]


async def test_ec_32_withdrawing_consent_stops_sharing_at_once(referrals: Referrals) -> None:
    await referrals.told(registered(), started())
    referral = await proposed(referrals, await partner_with_protocol(referrals))
    await agreed(referrals, referral)
    at = f"/referrals/{referral}"
    await referrals.act(f"{at}/call-together", **NORA)
    withdrawn = await referrals.act(f"{at}/withdraw-consent", {"on": TODAY}, **NORA)
    assert recorded(withdrawn) == ["ReferralConsentWithdrawn"]
    for act, body in (("call-together", {}), ("accompany", {"on": TODAY}), ("give-contact-details", {})):
        assert reason(await referrals.act(f"{at}/{act}", body, **NORA)) == (409, "wrong-state")
    told = [json.loads(body) for body in await referrals.envelopes()]
    (last,) = [one["data"] for one in told if "ReferralConsentWithdrawn" in one["type"]]
    assert (last["tell_partner"], last["counsellor"]) == (True, "nora")


async def test_ec_32_a_year_later_nobody_can_read_what_it_was_about(referrals: Referrals) -> None:
    await referrals.told(registered(), started())
    referral = await proposed(referrals, await partner_with_protocol(referrals))
    await agreed(referrals, referral)
    await referrals.act(f"/referrals/{referral}/withdraw-consent", {"on": TODAY, "why": "Toch niet."}, **NORA)
    before = (await referrals.read(f"/referrals/{referral}", **NORA)).json()
    assert before["need"] and before["partner"] and before["withdrawn"]["why"] == "Toch niet."
    seen: dict[str, Any] = {}
    for later, known in ((364, True), (365, False), (366, False)):
        await referrals.day(date.fromisoformat(TODAY) + timedelta(days=later))
        seen = (await referrals.read(f"/referrals/{referral}", **NORA)).json()
        assert bool(seen.get("need")) is bool(seen.get("partner")) is bool(seen["withdrawn"].get("why")) is known
    assert seen["state"] == "withdrawn" and seen["withdrawn"]["withdrawn_on"] == TODAY
    assert seen["forgotten_on"] == (date.fromisoformat(TODAY) + timedelta(days=365)).isoformat()


async def test_another_offices_referral_does_not_exist(referrals: Referrals) -> None:
    await referrals.told(registered(), started())
    referral = await proposed(referrals, await partner_with_protocol(referrals))
    for path in (f"/referrals/{referral}", f"/referrals/{uuid4()}"):
        assert (await referrals.read(path, office="kantoor-zuid")).status_code == 404
    stolen = await referrals.act(f"/referrals/{referral}/finish", office="kantoor-zuid")
    assert stolen.status_code == 404
    assert (await referrals.read("/referrals", office="kantoor-zuid")).json()["items"] == []
    assert (await referrals.read("/partners", office="kantoor-zuid")).json()["items"] == []


async def test_silence_becomes_a_task_once(referrals: Referrals) -> None:
    await referrals.told(registered(), started())
    await proposed(referrals, await partner_with_protocol(referrals))
    for day in (date(2026, 3, 15), date(2026, 3, 16), date(2026, 3, 16), date(2026, 3, 17)):
        await referrals.day(day)
    told = [json.loads(body) for body in await referrals.envelopes()]
    silences = [one["data"] for one in told if "ReferralFellSilent" in one["type"]]
    assert [(one["since"], one["days"], one["counsellor"]) for one in silences] == [("2026-03-02", 14, "nora")]


async def test_the_directory_has_the_shape_of_hsds(referrals: Referrals) -> None:
    entry = {
        "kind": "caw",
        "name": "CAW Oost",
        "description": "Onthaal zonder afspraak",
        "email": "onthaal@caw.example",
        "phones": [{"number": "09 000 00 00", "description": "onthaal"}],
        "locations": [
            {"name": "Inloop", "addresses": [{"address_1": "Plein 1", "city": "Gent", "postal_code": "9000"}]}
        ],
        "services": [{"name": "Budgetadvies", "languages": [{"code": "nl"}, {"code": "tr"}], "needs": ["money"]}],
    }
    listed = await referrals.act("/partners", entry, role="administration")
    shown = (await referrals.read(listed.headers["location"], role="technical")).json()
    assert shown["name"] == "CAW Oost"
    assert shown["phones"] == [{"number": "09 000 00 00", "description": "onthaal"}]
    (place,) = shown["locations"]
    assert place["addresses"] == [{"address_1": "Plein 1", "city": "Gent", "postal_code": "9000", "country": "BE"}]
    assert shown["services"][0]["languages"] == [{"code": "nl"}, {"code": "tr"}]
    changed = await referrals.act(f"{listed.headers['location']}/change", {"kind": "caw", "name": "CAW West"})
    assert (recorded(changed), changed.json()["name"]) == (["PartnerChanged"], "CAW West")
    retired = await referrals.act(f"{listed.headers['location']}/retire", {"on": TODAY})
    assert (recorded(retired), retired.json()["state"]) == (["PartnerRetired"], "retired")
    assert [one["id"] for one in (await referrals.read("/partners?state=retired")).json()["items"]] == [
        listed.json()["id"]
    ]


async def test_the_ocmw_is_asked_by_the_coordinator(referrals: Referrals) -> None:
    await referrals.told(registered(), started())
    question = {"lease": LEASE, "on": TODAY, "ground": "arrears", "told_renter_on": TODAY}
    assert (await referrals.act("/ocmw-consultations", question)).status_code == 403
    to_come = {**question, "told_renter_on": "2026-12-31"}
    assert reason(await referrals.act("/ocmw-consultations", to_come, role="coordinator")) == (
        409,
        "occurred-in-future",
    )
    asked = await referrals.act("/ocmw-consultations", question, role="coordinator")
    assert recorded(asked) == ["OcmwConsulted"]
    early = {"occurred_on": "2026-03-01", "answer": "dossier geopend"}
    at = asked.headers["location"]
    assert reason(await referrals.act(f"{at}/answer", early, role="coordinator")) == (409, "date-order")
    answered = await referrals.act(f"{at}/answer", {"answer": "dossier geopend"}, role="coordinator")
    assert (recorded(answered), answered.json()["answer"]) == (["OcmwAnswered"], "dossier geopend")
    assert "answer" not in (await referrals.read(at, role="administration")).json()


async def test_a_bridge_figure_reads_name_language_appointment_and_topic_only(referrals: Referrals) -> None:
    sealed = await referrals.store.seals.seal("kantoor-noord", LEASE, "A", "name", "Leila Haddad")
    assert sealed is not None
    leila = PartyV1(id=PARTY, name=sealed, role="renter", language="ar")
    await referrals.told(registered(parties=(leila,)), started())
    amir = {"name": "Amir", "languages": ["ar", "nl"], "person": "amir"}
    figure = (await referrals.act("/bridge-figures", amir, role="coordinator")).json()["id"]
    ask = {"lease": LEASE, "appointment_on": "2026-03-05", "slot": "10:00", "topic": "uitleg over de afspraken"}
    assert reason(await referrals.act(f"/bridge-figures/{figure}/request", ask)) == (409, "no-consent")
    skipped = {**ask, "consent_on": TODAY, "appointment_on": "2026-03-29", "slot": "02:30"}
    assert reason(await referrals.act(f"/bridge-figures/{figure}/request", skipped)) == (422, "invalid-request")
    stranger = {**ask, "consent_on": TODAY, "party": str(uuid4())}
    assert reason(await referrals.act(f"/bridge-figures/{figure}/request", stranger)) == (409, "not-yet-known")
    asked = await referrals.act(f"/bridge-figures/{figure}/request", {**ask, "consent_on": TODAY})
    assert recorded(asked) == ["BridgeFigureRequested"]
    mine = (await referrals.read("/bridge-requests/mine", role="bridge-figure", sub="amir")).json()
    assert mine["items"] == [
        {
            "name": "Leila Haddad",
            "language": "ar",
            "appointment_on": "2026-03-05",
            "slot": "10:00",
            "topic": "uitleg over de afspraken",
        }
    ]
    assert (await referrals.read("/bridge-requests/mine", role="bridge-figure", sub="lena")).json()["items"] == []
    log = (await referrals.read(f"/read-log?lease={LEASE}", role="dpo")).json()["items"]
    assert [(one["person"], one["what"]) for one in log] == [("amir", "bridge-requests/mine")]
    for path in ("/bridge-figures", "/bridge-requests", "/referrals", "/partners", "/interpreters"):
        assert (await referrals.read(path, role="bridge-figure", sub="amir")).status_code == 403


async def test_a_bridge_figure_goes_along_and_learns_nothing(referrals: Referrals) -> None:
    await referrals.told(registered(), started())
    referral = await proposed(referrals, await partner_with_protocol(referrals))
    await agreed(referrals, referral)
    along = await referrals.act(f"/referrals/{referral}/accompany", {"on": TODAY}, role="bridge-figure", sub="amir")
    assert recorded(along) == ["ReferralAccompanied"]
    assert set(along.json()) == {"id", "state", "version", "events", "withheld"}


async def test_an_acquaintance_who_interprets_is_known_to_the_coordinator_only(referrals: Referrals) -> None:
    young = {"kind": "informal_adult", "name": "Ela", "phone": "0470 00 00 00", "languages": ["tr"]}
    for age in (None, False):
        assert reason(await referrals.act("/interpreters", {**young, "age_over_18": age})) == (
            409,
            "interpreter-is-minor",
        )
    listed = await referrals.act("/interpreters", {**young, "age_over_18": True})
    at = listed.headers["location"]
    assert (await referrals.read(at, role="coordinator")).json()["name"] == "Ela"
    assert set((await referrals.read(at)).json()["withheld"]) == {"name", "phone"}
    agency = await referrals.act("/interpreters", {"kind": "social", "name": "Tolkentelefoon", "languages": ["tr"]})
    assert (await referrals.read(agency.headers["location"])).json()["name"] == "Tolkentelefoon"


async def test_figures_name_the_list_they_were_counted_from(referrals: Referrals) -> None:
    await referrals.told(registered(), started())
    partner = await partner_with_protocol(referrals)
    for number in range(5):
        referral = await proposed(referrals, partner)
        await agreed(referrals, referral)
        if number < 2:
            await referrals.act(f"/referrals/{referral}/call-together", **NORA)
    figures = (await referrals.read("/kpis?from=2026-03-01&until=2026-03-31")).json()["kpis"]
    warm = next(one for one in figures if one["id"] == "K-07")
    assert (warm["numerator"], warm["denominator"], warm["value"], warm["suppressed"]) == (2, 5, 0.4, False)
    counted = (await referrals.read(warm["list"])).json()["items"]
    assert sum(one["counts"] for one in counted) == 2
    assert len(counted) == 5
    landed = next(one for one in figures if one["id"] == "K-08")
    assert (landed["denominator"], landed["value"]) == (0, None)  # none was asked 60 days ago


async def test_a_figure_of_few_is_not_shown(referrals: Referrals) -> None:
    await referrals.told(registered(), started())
    await agreed(referrals, await proposed(referrals, await partner_with_protocol(referrals)))
    (warm, _) = (await referrals.read("/kpis?from=2026-03-01&until=2026-03-31")).json()["kpis"]
    assert (warm["numerator"], warm["denominator"], warm["value"], warm["suppressed"]) == (None, None, None, True)


async def test_a_colleague_who_wrote_first_is_not_overwritten(referrals: Referrals) -> None:
    await referrals.told(registered(), started())
    referral = await proposed(referrals, await partner_with_protocol(referrals))
    seen = (await referrals.read(f"/referrals/{referral}", **NORA)).headers["etag"]
    await agreed(referrals, referral)
    token = {"Authorization": f"Bearer {referrals.issuer.token('counsellor', **NORA)}", "If-Match": seen}
    late = await referrals.client.post(f"/referrals/{referral}/call-together", json={}, headers=token)
    assert (late.status_code, late.json()["present"]["state"]) == (412, "consent_given")
