"""What people of both offices do again and again: visit, establish, evaluate, tell by letter."""

from collections.abc import Mapping, Sequence
from typing import Any

from operate.story.telling import PEOPLE, Story, WentWrong


def agree_on_visit(story: Story, name: str, lease: str, day: str, slot: str = "10:00", *, agreed: bool = True) -> str:
    """Plan, announce and agree on a visit: what comes before anybody rings a bell."""
    planned = story.act(
        name,
        "visits",
        "/visits",
        {"lease": lease, "date": day, "slot": slot, "purpose": "individual", "kind": "home"},
        f"plans a home visit on {day}",
        f"plant een huisbezoek op {day}",
        expect=["VisitPlanned"],
    )
    story.act(
        name,
        "visits",
        f"/visits/{planned.id}/announce",
        {"channel": "whatsapp", "announced_on": story.today, "purpose_told": True},
        "announces it and says what it is for",
        "kondigt het aan en zegt waarvoor het dient",
        expect=["VisitAnnounced"],
    )
    if agreed:
        story.act(
            name,
            "visits",
            f"/visits/{planned.id}/agree",
            {"agreed_on": story.today, "channel": "whatsapp"},
            "notes that the renter agrees",
            "noteert dat de huurder akkoord gaat",
            expect=["AppointmentAgreed"],
        )
    return planned.id


def record_visit(story: Story, name: str, visit: str) -> None:
    """Record that the renter let somebody in."""
    story.act(
        name,
        "visits",
        f"/visits/{visit}/record",
        {
            "occurred_on": story.today,
            "present": ["renter", PEOPLE[name].id],
            "permission": True,
            "interpreter": {"kind": "none"},
        },
        "records the visit: the renter let her in",
        "legt het bezoek vast: de huurder liet haar binnen",
        expect=["VisitRecorded"],
    )


def fix_report(story: Story, name: str, visit: str, goes_well: str, findings: Sequence[str] = ()) -> None:
    story.act(
        name,
        "visits",
        f"/visits/{visit}/fix-report",
        {
            "goes_well": goes_well,
            "needs": ["paperwork"],
            "can_do": ["kleine herstellingen zelf doen"],
            "findings": list(findings),
        },
        "fixes the report; what goes well comes first",
        "legt het verslag vast; wat goed gaat staat eerst",
        expect=["ReportFixed"],
    )


def establish_finding(story: Story, visit: str, item: str, place: str, seen: str, *, repeats: str | None = None) -> str:
    """Establish a finding, attribute it, and discuss it with the renter's own view and plan."""
    finding = story.act(
        "Fatma",
        "visits",
        "/findings",
        {
            "lease": story.lease,
            "item": item,
            "place": place,
            "what_seen": seen,
            "occurred_on": story.today,
            "source": {"kind": "visit", "visit": visit},
            "evidence": [],
        },
        f"establishes a finding on {item}",
        f"doet een vaststelling op {item}",
        expect=["FindingEstablished"],
    ).id
    story.act(
        "Fatma",
        "visits",
        f"/findings/{finding}/attribute",
        {"to": "renter", "severity": 2, "consequence": "damage", "why": "Het gaat om het dagelijks onderhoud."},
        "attributes it, with a reason",
        "rekent ze toe, met een reden",
        expect=["FindingAttributed"],
    )
    if repeats is not None:
        story.act(
            "Fatma",
            "visits",
            f"/findings/{finding}/link-repeat",
            {"earlier_finding": repeats},
            "links it to the earlier finding on the same item",
            "koppelt ze aan de eerdere vaststelling op hetzelfde punt",
            expect=["FindingLinkedAsRepeat"],
        )
    story.act(
        "Fatma",
        "visits",
        f"/findings/{finding}/discuss",
        {
            "with": ["renter"],
            "on": story.today,
            "renter_said": "Het lukt me niet goed, ik werk veel nachten.",
            "renter_plan": "Ik maak elke zaterdag de keuken proper.",
            "obstacles": "Nachtwerk; niemand die kan helpen.",
        },
        "discusses it: the renter's own view, plan and obstacles are written down",
        "bespreekt ze: hoe de huurder het ziet, het plan en de hindernissen staan erbij",
        expect=["FindingDiscussed"],
    )
    return finding


def evaluate(
    story: Story,
    moment: str,
    findings: Sequence[str],
    *,
    proposed: str,
    reasons: str,
    sent: str,
    reached: str,
) -> str:
    """Propose, let another person decide, approve the letter, send it, and enter the proof that it arrived."""
    evaluation = story.act(
        "Fatma",
        "evaluations",
        "/evaluations",
        {
            "lease": story.lease,
            "moment": moment,
            "outcome": "negative",
            "grounds": [{"finding": finding} for finding in findings],
            "why": proposed,
        },
        "proposes a negative evaluation",
        "stelt een negatieve evaluatie voor",
        count=True,
        expect=["EvaluationProposed"],
    ).id
    story.act(
        "Karel",
        "evaluations",
        f"/evaluations/{evaluation}/decide",
        {"outcome": "negative", "reasons": reasons},
        "decides, with reasons of his own",
        "beslist, met eigen redenen",
        count=True,
        expect=["EvaluationDecidedNegative"],
    )
    tell_the_renter(story, evaluation, approver="Karel", sent=sent, reached=reached)
    return evaluation


def tell_the_renter(story: Story, evaluation: str, *, approver: str, sent: str, reached: str) -> None:
    """Approve the letter about an evaluation, post it, and enter the proof that it arrived."""
    letter = letter_about(story, "L-05", evaluation)
    story.act(
        approver,
        "notifications",
        f"/communications/{letter['id']}/approve",
        {},
        "reads and approves the letter",
        "leest de brief en keurt ze goed",
        expect=["CommunicationApproved"],
    )
    story.on(sent)
    story.act(
        "Tom",
        "notifications",
        f"/communications/{letter['id']}/send",
        {"on": story.today, "method": "registered_paper", "tracking": f"RR{len(story.letters):09d}BE"},
        "posts it by registered mail",
        "doet ze aangetekend op de post",
        expect=["CommunicationSent"],
    )
    story.on(reached)
    for addressee in letter["addressees"]:
        story.act(
            "Tom",
            "notifications",
            f"/communications/{letter['id']}/delivered",
            {
                "addressee": addressee["id"],
                "on": story.today,
                "proof": {"kind": "receipt", "reference": f"AR-{len(story.letters)}", "signed_by": "addressee"},
            },
            "enters the proof that it was delivered: only now does it count",
            "voert het bewijs van afgifte in: pas nu telt ze",
            count=True,
            expect=["CommunicationDelivered"],
        )
    read = story.client.read(PEOPLE["Karel"], "evaluations", f"/evaluations/{evaluation}")
    if read["state"] != "communicated":
        raise WentWrong(f"the evaluation is {read['state']}, not communicated")


def letter_about(story: Story, kind: str, about: str) -> Mapping[str, Any]:
    """Return the one letter of a kind about something, which a reaction drafted."""
    found = story.client.read(PEOPLE["Karel"], "notifications", "/communications", about=about, kind=kind)["items"]
    if len(found) != 1:
        raise WentWrong(f"{len(found)} letters {kind} about one thing, instead of one")
    story.letters.append(str(found[0]["id"]))
    return dict(found[0])


def list_partner(story: Story, name: str) -> str:
    """List a partner organisation; return its id."""
    return story.act(
        name,
        "referrals",
        "/partners",
        {"name": "Gezinszorg De Brug", "kind": "family_care", "address": "Markt 2", "phone": "+32 3 555 04 00"},
        "lists a partner organisation",
        "neemt een partnerorganisatie op",
    ).id


def gates(story: Story) -> list[str]:
    """Return the ten gates of the review, a line each."""
    read = story.client.read(PEOPLE["Karel"], "evaluations", f"/terminations/{story.things['review']}")
    return [f"{gate['gate']}  {'✔' if gate['passes'] else '·'}  {gate['why']}" for gate in read["gates"]]
