"""A lease goes to another office on its day: four services, two offices, over HTTP (domain 3.1, 4.6, EC-14)."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from operate.platform import Platform
from tests.conftest import started
from tests.journeys import truth
from tests.journeys.history import Office, founded, lived_in

pytestmark = pytest.mark.journey

A_CARRIER = {"HUURSPOOR_SMTP": "smtp://127.0.0.1:9", "HUURSPOOR_SMTP_FROM": "kantoor@huurspoor.example"}
THINGS = (
    ("coordinator", "visits", "/leases/{lease}"),
    ("coordinator", "visits", "/visits/{visit}"),
    ("coordinator", "visits", "/findings/{finding}"),
    ("coordinator", "visits", "/findings/{finding}/path"),
    ("coordinator", "visits", "/agreements/{agreement}"),
    ("coordinator", "visits", "/contacts/{contact}"),
    ("coordinator", "visits", "/photos/{photo}"),
    ("coordinator", "evaluations", "/evaluations/{evaluation}"),
    ("coordinator", "evaluations", "/terminations/{termination}"),
    ("coordinator", "evaluations", "/dossiers/{lease}"),
    ("coordinator", "evaluations", "/dossiers/{lease}/standing"),
    ("coordinator", "referrals", "/referrals/{referral}"),
    ("coordinator", "referrals", "/ocmw-consultations/{consultation}"),
    ("coordinator", "notifications", "/communications/{communication}"),
)
ACTS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("counsellor", "visits", "/contacts", {"kind": "presence_contact", "channel": "phone", "gist": "even gebeld"}),
    ("administration", "visits", "/leases/{lease}/record-balance", {"amount_cents": 5, "month_rent_cents": 5}),
    ("coordinator", "evaluations", "/evaluations/{evaluation}/withdraw", {"why": "toch niet"}),
    ("coordinator", "notifications", "/communications/{unsent}/drop", {}),
    ("counsellor", "referrals", "/referrals/{referral}/withdraw-consent", {}),
)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform of its own, on which days pass."""
    yield from started(tmp_path_factory.mktemp("town"), first={"notifications": A_CARRIER})


def asked(office: Office, role: str, service: str, path: str, body: Any = None, **things: str) -> httpx.Response:
    """Ask as somebody of an office."""
    url = f"{office.platform.urls[service]}{path.format_map(things)}"
    headers = {"Authorization": f"Bearer {office.token(role)}"}
    return httpx.get(url, headers=headers) if body is None else httpx.post(url, json=body, headers=headers)


def tasks_of(office: Office, lease: str) -> list[str]:
    """Return what is to be done about a lease."""
    answer = asked(office, "coordinator", "notifications", f"/tasks?lease={lease}&state=open&limit=200").json()
    return sorted(one["kind"] for one in answer["items"])


def test_a_lease_goes_to_another_office_with_its_whole_history(town: Platform) -> None:
    north, south = lived_in(founded(town, "noord")), founded(town, "zuid")
    today = town.today()
    stricter = {"in_force_from": today.isoformat(), "threshold_n": 2}
    south.act("director", "evaluations", "/policies", stricter)
    neighbour = lived_in(founded(town, "oost")).things["lease"]  # of yet another office; and one more of the north
    things = dict(north.things)
    second = north.act(
        "administration",
        "visits",
        "/leases",
        {
            "dwelling": {"reference": "R-2", "address": "Kade 2"},
            "landlord": "Verhuurder bv",
            "parties": [{"name": "Bo", "role": "renter", "language": "nl", "household": "alone", "contacts": []}],
            "start": today.isoformat(),
            "informed_on": today.isoformat(),
        },
    ).id
    drafts = asked(north, "coordinator", "notifications", f"/communications?lease={things['lease']}&limit=200").json()
    things["unsent"] = next(one["id"] for one in drafts["items"] if one["state"] == "draft")
    day = today + timedelta(days=2)
    change = {"to": south.code, "from": day.isoformat()}
    north.act("director", "visits", f"/leases/{things['lease']}/change-office", change)
    town.settled()
    nobodys = {name: "9b2d7f30-0000-4000-8000-000000000000" for name in things}
    for role, service, path in THINGS:
        there = asked(south, role, service, path, **things)
        nothing = asked(south, role, service, path, **nobodys)
        assert there.status_code == nothing.status_code == 404, path
        assert {**there.json(), "instance": ""} == {**nothing.json(), "instance": ""}, path
        assert asked(north, role, service, path, **things).status_code == 200, path
    town.move_clock(f"{day - timedelta(days=1)}T18:00")
    answers = {path: asked(north, role, service, path, **things).json() for role, service, path in THINGS}
    waiting = tasks_of(north, things["lease"])
    assert waiting

    town.move_clock(f"{day}T09:00")
    town.settled()
    for role, service, path in THINGS:
        there = asked(south, role, service, path, **things)
        assert there.status_code == 200, f"{path}: {there.text}"
    whole = asked(south, "coordinator", "visits", "/leases/{lease}", **things).json()
    assert north.mark in whole["landlord"] and whole["came_from"] == north.code
    assert north.mark in asked(south, "coordinator", "visits", "/findings/{finding}", **things).json()["what_seen"]
    stood = asked(south, "coordinator", "evaluations", "/dossiers/{lease}/standing", **things).json()
    before = answers["/dossiers/{lease}/standing"]
    assert (stood["count"], stood["threshold"]) == (before["count"], 4)  # the pin of the renter, not the stricter two
    assert stood["reached"] is False
    entries = asked(south, "coordinator", "evaluations", "/dossiers/{lease}?limit=200", **things).json()["entries"]
    ours = asked(north, "coordinator", "evaluations", "/dossiers/{lease}?limit=200", **things).json()["entries"]
    assert {one["event"] for one in ours} <= {one["event"] for one in entries}
    assert [one["type"] for one in entries].count("OfficeChanged") == 2
    picture = asked(south, "coordinator", "visits", "/photos/{photo}.jpg", **things)
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/jpeg")

    # What has to be done is to be done there; the office it left reads it, and acts on it no more.
    assert tasks_of(north, things["lease"]) == [kind for kind in waiting if kind == "message_to_settle"]
    assert set(waiting) - {"message_to_settle"} <= set(tasks_of(south, things["lease"]))
    for role, service, path in THINGS:
        again = asked(north, role, service, path, **things)
        assert again.status_code == 200, path
        if service == "visits":
            assert again.json() == answers[path], path
    for role, service, path, body in ACTS:
        said = {**body, "lease": things["lease"]} if path == "/contacts" else {**body}
        if path.endswith("record-balance"):
            said["on"] = day.isoformat()
        if path.endswith("withdraw-consent"):
            said["on"] = day.isoformat()
        refused = asked(north, role, service, path, said, **things)
        assert refused.status_code == 409, f"{path}: {refused.text}"
        assert refused.json()["type"] == "/problems/wrong-state", f"{path}: {refused.text}"
    logged = asked(north, "counsellor", "visits", "/contacts", {**ACTS[0][3], "lease": things["lease"]})
    assert [error["code"] for error in logged.json()["errors"]] == ["WITH_ANOTHER_OFFICE"]
    there_too = asked(south, "counsellor", "visits", "/contacts", {**ACTS[0][3], "lease": things["lease"]})
    assert there_too.status_code == 201, there_too.text
    for id in (second, neighbour):
        assert asked(south, "coordinator", "visits", f"/leases/{id}").status_code == 404
        assert asked(south, "coordinator", "evaluations", f"/dossiers/{id}/standing").status_code == 404
    town.move_clock(f"{day + timedelta(days=3)}T09:00")
    town.settled()
    assert asked(south, "coordinator", "visits", "/visits/due?by=2099-01-01").json()["items"] != []
    due = asked(north, "coordinator", "visits", "/visits/due?by=2099-01-01").json()["items"]
    assert things["lease"] not in {one["lease"] for one in due}
    truth.views_equal_their_rebuild(town)
