"""A small real history of an office, made over HTTP: one thing of every kind, with names and texts that can be found.

Whatever a person says or is called carries the office's own mark (an invented word), so that a test can look whether it
came out anywhere. All people are invented.
"""

import io
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
from PIL import Image

from operate.client import Client, Done, Somebody
from operate.platform import Platform

ROLES = (
    "counsellor",
    "coordinator",
    "director",
    "administration",
    "technical",
    "bridge-figure",
    "auditor",
    "dpo",
)


@dataclass(frozen=True)
class Act:
    """What somebody did, so that somebody of another office can try it too."""

    role: str
    service: str
    path: str
    body: Mapping[str, Any]
    done: Done


@dataclass
class Office:
    """An office in which something has happened.

    :ivar mark: the word that is part of everything said by or of people in this office, and of nothing else.
    :ivar word: the same for what the office writes for everybody there: its templates, its checklist.
    :ivar things: an id for each kind of thing, by the name that stands for it in paths.
    """

    platform: Platform
    code: str
    mark: str
    word: str
    client: Client
    things: dict[str, str] = field(default_factory=dict)
    acts: list[Act] = field(default_factory=list)
    _tokens: dict[str, str] = field(default_factory=dict)

    def person(self, role: str) -> Somebody:
        """Return who has that role in this office; the name is marked, the id is not."""
        return Somebody(f"{role}-{self.code}", self.text("staff", role), role, self.code)

    def token(self, role: str) -> str:
        """Return a token of who has that role."""
        if role not in self._tokens:
            who = self.person(role)
            self._tokens[role] = self.platform.token(office=self.code, roles=[role], person=who.id, name=who.name)
        return self._tokens[role]

    def text(self, *words: str) -> str:
        """Return a text that carries the mark, and says where it was written."""
        return " ".join((self.mark, *words))

    def ids(self) -> set[str]:
        """Return every id that an answer of this office ever named."""
        found = set(self.things.values())
        for act in self.acts:
            found |= ids_in(act.done.body)
        return found

    def act(self, role: str, service: str, path: str, body: Mapping[str, Any]) -> Done:
        """Let somebody do something. :raises AssertionError: it was refused."""
        done = self.client.act(self.person(role), service, path, body)
        assert isinstance(done, Done), f"{role}: POST {path}: {done}"
        self.acts.append(Act(role, service, path, body, done))
        return done

    def read(self, role: str, service: str, path: str, **filters: str) -> Any:
        """Read something as somebody of this office."""
        return self.client.read(self.person(role), service, path, **filters)


def ids_in(value: Any) -> set[str]:
    """Return everything in an answer that is written like a UUID."""
    match value:
        case dict():
            return set().union(*(ids_in(part) for part in value.values()))
        case list():
            return set().union(*(ids_in(part) for part in value))
        case str() if len(value) == 36 and value.count("-") == 4:
            return {value}
        case _:
            return set()


def founded(platform: Platform, name: str) -> Office:
    """Found an office in which nothing has happened yet."""
    code = f"{name}-{secrets.token_hex(3)}"
    mark = "Zq" + secrets.token_hex(4)
    client = Client(
        urls=lambda: platform.urls,
        token=lambda who: platform.token(office=who.office, roles=[who.role], person=who.id, name=who.name),
    )
    office = Office(platform, code, mark, "Zw" + secrets.token_hex(4), client)
    platform.create_office(code, name=f"Kantoor {name}", director=office.person("director").id)
    return office


def lived_in(office: Office) -> Office:
    """Let a lease's life begin in an office: one thing of every kind, all on the platform's present day."""
    today = office.platform.today().isoformat()
    _house(office, today)
    _lease(office, today)
    _visit_and_finding(office, today)
    _agreement(office, today)
    _help(office, today)
    _evaluation(office, today)
    _letters(office, today)
    _review(office, today)
    _files(office)
    office.platform.settled()
    return office


def _files(office: Office) -> None:
    """A photo of the lease, and a file that was looked at before it would be imported."""
    content = io.BytesIO()
    Image.new("RGB", (40, 30)).save(content, "JPEG")
    photo = _sent(office, "counsellor", "/photos", content.getvalue(), lease=office.things["lease"])
    office.things["photo"] = photo["id"]
    file = f"kind,reference,name,dwelling_address,landlord,start\nlease,{office.mark}-1,{office.mark},x,x,2019-05-01\n"
    rehearsed = _sent(office, "administration", "/leases/import", file.encode(), dry_run="true")
    for _ in range(1200):
        if office.read("administration", "visits", f"/imports/{rehearsed['id']}")["state"] == "finished":
            return
        time.sleep(0.05)
    raise AssertionError("the import does not finish")


def _sent(office: Office, role: str, path: str, file: bytes, **form: str) -> Any:
    headers = {"Authorization": f"Bearer {office.token(role)}"}
    url = f"{office.platform.urls['visits']}{path}"
    answer = httpx.post(url, files={"file": ("file", file)}, data=form, headers=headers, timeout=30)
    assert answer.status_code == 201, f"{role}: POST {path}: {answer.text}"
    return answer.json()


def another_version(office: Office) -> None:
    """Adopt one more policy and publish one more checklist: versions that offices with fewer of them do not have."""
    today = office.platform.today().isoformat()
    items = office.read("director", "evaluations", "/checklists")["items"][-1]["items"]
    for kind, path, body in (
        ("policy", "/policies", {"threshold_n": 5}),
        ("checklist", "/checklists", {"items": [*items, {**items[0], "code": "ONS-02", "label": office.word}]}),
    ):
        office.things[kind] = office.act("director", "evaluations", path, {"in_force_from": today, **body}).id


def _house(office: Office, today: str) -> None:
    things = office.things
    for person in ("coordinator", "administration"):
        mandate = office.act(
            "director",
            "evaluations",
            "/mandates",
            {
                "person": office.person(person).id,
                "role": person,
                "acts": ["decide_evaluation", "decide_contest"],
                "from": today,
                "until": "2099-12-31",
            },
        )
        things["mandate"] = mandate.id
    things["policy"] = office.act(
        "director", "evaluations", "/policies", {"in_force_from": today, "threshold_n": 4, "validity_months": 24}
    ).id
    items = office.read("director", "evaluations", "/checklists")["items"][0]["items"]
    ours = {**items[0], "code": "ONS-01", "label": office.word}
    things["checklist"] = office.act(
        "director", "evaluations", "/checklists", {"in_force_from": today, "items": [*items, ours]}
    ).id
    things["details"] = office.act(
        "administration",
        "notifications",
        "/office-details",
        {
            "address": f"Kaai 1, {office.word}",
            "phone": "+32 3 555 01 00",
            "email": f"{office.word}@huurspoor.example",
            "ocmw": {"name": f"OCMW {office.word}", "phone": "+32 3 555 02 00"},
            "renters_union": {"name": f"Huurdersbond {office.word}", "phone": "+32 3 555 03 00"},
        },
    ).id
    things["card"] = office.act(
        "counsellor",
        "visits",
        "/counsellors",
        {
            "name": office.text("card"),
            "phone": "+32 470 00 00 09",
            "counsellor": office.person("counsellor").id,
        },
    ).id


def _lease(office: Office, today: str) -> None:
    things = office.things
    lease = office.act(
        "administration",
        "visits",
        "/leases",
        {
            "dwelling": {"reference": "R-0417", "address": office.text("dwelling")},
            "landlord": office.text("landlord"),
            "parties": [
                {
                    "name": office.text("renter"),
                    "role": "reference_renter",
                    "language": "nl",
                    "household": "alone",
                    "contacts": [{"kind": "email", "value": f"{office.mark}@renter.example"}],
                }
            ],
            "start": today,
            "informed_on": today,
            "inventory_ref": "PB-0417",
        },
    )
    things["lease"], things["party"] = lease.id, str(lease.body["parties"][0]["id"])
    office.act(
        "coordinator",
        "visits",
        f"/leases/{lease.id}/assign-counsellor",
        {"counsellor": office.person("counsellor").id},
    )
    things["contact"] = office.act(
        "counsellor",
        "visits",
        "/contacts",
        {"lease": lease.id, "kind": "repair_report", "channel": "phone", "gist": office.text("gist")},
    ).id


def _visit_and_finding(office: Office, today: str) -> None:
    things = office.things
    visit = things["visit"] = office.act(
        "counsellor",
        "visits",
        "/visits",
        {"lease": things["lease"], "date": today, "slot": "10:00", "purpose": "individual", "kind": "home"},
    ).id
    office.act(
        "counsellor",
        "visits",
        f"/visits/{visit}/announce",
        {"channel": "phone", "announced_on": today, "purpose_told": True, "agreed_on": today},
    )
    office.act(
        "counsellor",
        "visits",
        f"/visits/{visit}/record",
        {
            "occurred_on": today,
            "present": ["renter", office.person("counsellor").id],
            "permission": True,
            "interpreter": {"kind": "none"},
        },
    )
    finding = things["finding"] = office.act(
        "counsellor",
        "visits",
        "/findings",
        {
            "lease": things["lease"],
            "item": "ONH-02",
            "place": "keuken",
            "what_seen": office.text("what was seen"),
            "occurred_on": today,
            "source": {"kind": "visit", "visit": visit},
            "evidence": [],
        },
    ).id
    office.act(
        "counsellor",
        "visits",
        f"/findings/{finding}/attribute",
        {"to": "renter", "severity": 3, "consequence": "damage", "why": office.text("why attributed")},
    )
    office.act(
        "counsellor",
        "visits",
        f"/findings/{finding}/discuss",
        {
            "with": ["renter"],
            "on": today,
            "renter_said": office.text("renter said"),
            "renter_plan": office.text("renter plan"),
            "obstacles": office.text("obstacles"),
        },
    )
    office.act(
        "counsellor",
        "visits",
        f"/visits/{visit}/fix-report",
        {
            "goes_well": office.text("goes well"),
            "needs": ["paperwork"],
            "can_do": [office.text("can do")],
            "findings": [finding],
        },
    )


def _agreement(office: Office, today: str) -> None:
    things = office.things
    note = things["agreement"] = office.act(
        "counsellor",
        "visits",
        "/agreements",
        {
            "lease": things["lease"],
            "goes_wrong": office.text("goes wrong"),
            "why_renter_says": office.text("why renter says"),
            "goal": office.text("goal"),
            "renter_needs": office.text("renter needs"),
            "findings": [things["finding"]],
        },
    ).id
    office.act(
        "counsellor",
        "visits",
        f"/agreements/{note}/propose",
        {
            "commitments": [
                {
                    "by": "renter",
                    "action": office.text("de kookplaat en de wanden ontvetten"),
                    "place": "keuken",
                    "measure": {"kind": "seen_at_visit", "target": office.text("vrij van vet")},
                    "due": (office.platform.today() + timedelta(days=30)).isoformat(),
                    "needs": [office.text("ontvetter")],
                    "depends_on": [],
                    "agreed_by_renter": True,
                }
            ]
        },
    )


def _help(office: Office, today: str) -> None:
    things = office.things
    lease = things["lease"]
    listed = {"name": office.text("partner"), "kind": "family_care", "address": "Markt 2", "phone": "+32 3 555 04 00"}
    partner = things["partner"] = office.act("coordinator", "referrals", "/partners", listed).id
    things["protocol"] = office.act(
        "coordinator",
        "referrals",
        "/data-sharing-protocols",
        {"partner": partner, "from": today, "until": "2099-12-31", "reference": "PROT-01"},
    ).id
    figure = things["figure"] = office.act(
        "coordinator",
        "referrals",
        "/bridge-figures",
        {
            "name": office.text("bridge figure"),
            "phone": "+32 470 00 00 03",
            "languages": ["ar"],
            "person": office.person("bridge-figure").id,
        },
    ).id
    things["interpreter"] = office.act(
        "coordinator",
        "referrals",
        "/interpreters",
        {"kind": "social", "name": office.text("interpreter"), "phone": "+32 470 00 00 04", "languages": ["ar"]},
    ).id
    referral = things["referral"] = office.act(
        "counsellor",
        "referrals",
        "/referrals",
        {"lease": lease, "need": "paperwork", "partner": partner, "why": office.text("why help")},
    ).id
    office.act(
        "counsellor",
        "referrals",
        f"/referrals/{referral}/ask-consent",
        {"explained_in": "nl", "what_is_shared": ["naam"]},
    )
    office.act(
        "counsellor",
        "referrals",
        f"/bridge-figures/{figure}/request",
        {"lease": lease, "consent": True, "consent_on": today, "appointment_on": today, "slot": "14:00"},
    )
    consultation = things["consultation"] = office.act(
        "coordinator", "referrals", "/ocmw-consultations", {"lease": lease, "on": today, "ground": "maintenance"}
    ).id
    office.act(
        "coordinator",
        "referrals",
        f"/ocmw-consultations/{consultation}/answer",
        {"on": today, "answer": office.text("answer of the ocmw")},
    )


def _evaluation(office: Office, today: str) -> None:
    things = office.things
    lease = things["lease"]
    evaluation = things["evaluation"] = office.act(
        "counsellor",
        "evaluations",
        "/evaluations",
        {
            "lease": lease,
            "moment": things["visit"],
            "outcome": "negative",
            "grounds": [{"finding": things["finding"]}],
            "why": office.text("why negative"),
        },
    ).id
    decided = office.act(
        "coordinator",
        "evaluations",
        f"/evaluations/{evaluation}/decide",
        {"outcome": "negative", "reasons": office.text("eigen redenen, na het lezen van het verslag en de nota")},
    )
    things["event"] = str(decided.body["events"][0]["id"])
    things["moment"] = office.act(
        "counsellor",
        "evaluations",
        "/moments",
        {"lease": lease, "date": today, "about": office.text("about"), "why": office.text("why a moment")},
    ).id
    things["hold"] = office.act("dpo", "evaluations", "/holds", {"lease": lease, "why": office.text("why a hold")}).id


def _letters(office: Office, today: str) -> None:
    things = office.things
    found = office.read("coordinator", "notifications", "/communications", about=things["evaluation"], kind="L-05")[
        "items"
    ]
    letter = things["communication"] = str(found[0]["id"])
    office.act("coordinator", "notifications", f"/communications/{letter}/approve", {})
    office.act(
        "administration",
        "notifications",
        f"/communications/{letter}/send",
        {"on": today, "method": "registered_paper", "tracking": "RR000000001BE"},
    )
    things["batch"] = office.act("administration", "notifications", "/post-batches", {}).id
    office.act(
        "administration",
        "notifications",
        f"/communications/{letter}/delivered",
        {
            "addressee": found[0]["addressees"][0]["id"],
            "on": today,
            "proof": {"kind": "receipt", "reference": "AR-1", "signed_by": "addressee"},
        },
    )
    office.act(
        "counsellor",
        "notifications",
        "/contact-preferences",
        {"lease": things["lease"], "party": found[0]["addressees"][0]["id"], "channels": ["email"]},
    )
    announced = office.read("counsellor", "notifications", "/communications", lease=things["lease"], kind="L-02")
    by_mail = announced["items"][0]["id"]
    office.act("counsellor", "notifications", f"/communications/{by_mail}/approve", {})
    office.act("administration", "notifications", f"/communications/{by_mail}/send", {"on": today, "method": "email"})
    on_its_way = office.read("auditor", "notifications", "/sendings")["items"]
    if on_its_way:  # only where there is a carrier
        things["sending"] = str(on_its_way[0]["id"])
    things["template"] = office.act(
        "coordinator",
        "notifications",
        "/templates",
        {"kind": "L-05", "language": "fr", "text": f"# {office.word}\n> Court.\n\nBonjour.\n"},
    ).id
    calendar = office.act(
        "counsellor",
        "notifications",
        "/calendars",
        {"owner": "counsellor", "person": office.person("counsellor").id},
    )
    things["calendar"] = calendar.id
    if "address" in calendar.body:
        things["secret"] = str(calendar.body["address"]).rpartition("/")[2].removesuffix(".ics")
    tasks = office.read("auditor", "notifications", "/tasks")["items"]
    things["task"] = str(tasks[0]["id"])


def _review(office: Office, today: str) -> None:
    things = office.things
    termination = things["termination"] = office.act(
        "coordinator",
        "evaluations",
        "/terminations",
        {"lease": things["lease"], "findings": [{"finding": things["finding"]}], "why": office.text("why a review")},
    ).id
    office.act(
        "coordinator",
        "evaluations",
        f"/terminations/{termination}/record-gate",
        {"gate": "G3", "proof": {"note": office.text("proportionality")}},
    )
    things["file"] = office.act("director", "evaluations", f"/dossiers/{things['lease']}/court", {}).id
