"""Kantoor Noord counts: an agreement that is broken, three negative evaluations."""

import uuid

from operate.story.acts import (
    agree_on_visit,
    establish_finding,
    evaluate,
    fix_report,
    list_partner,
    record_visit,
    tell_the_renter,
)
from operate.story.telling import PEOPLE, Story


def a_lease_begins(story: Story) -> None:
    """Register a lease with its renter, and give it a counsellor."""
    story.stage.chapter(story.say("Kantoor Noord: a lease begins", "Kantoor Noord: een huurovereenkomst begint"))
    registered = story.act(
        "Tom",
        "visits",
        "/leases",
        {
            "dwelling": {"reference": "KN-0417", "address": "Lindestraat 12 bus 3, 2060 Antwerpen"},
            "landlord": "Woonmaatschappij Noord bv",
            "parties": [
                {
                    "name": "Amina Voorbeeld",
                    "role": "reference_renter",
                    "language": "nl",
                    "household": "alone",
                    "contacts": [{"kind": "sms", "value": "+32 470 00 00 01"}],
                }
            ],
            "start": "2025-11-10",
            "informed_on": "2025-11-03",
            "inventory_ref": "PB-2025-0417",
        },
        "registers the lease; the renter was given policy and checklist today",
        "registreert de huur; de huurder kreeg vandaag beleid en checklist",
        expect=["LeaseRegistered"],
    )
    story.lease = registered.id
    story.things["renter"] = str(registered.body["parties"][0]["id"])
    story.act(
        "Karel",
        "visits",
        f"/leases/{story.lease}/assign-counsellor",
        {"counsellor": PEOPLE["Fatma"].id},
        f"assigns Fatma as counsellor; the first visit is due on {registered.body['first_visit_due']}",
        f"wijst Fatma aan als begeleider; eerste bezoek ten laatste op {registered.body['first_visit_due']}",
        expect=["CounsellorAssigned", "FirstVisitDue"],
    )


def first_visit(story: Story) -> None:
    """Visit for the first time: what goes well, a finding, an agreement note in small steps."""
    story.stage.chapter(story.say("The first visit, three weeks after the start", "Het eerste bezoek, na drie weken"))
    story.on("2025-11-20T09:00")
    visit = agree_on_visit(story, "Fatma", story.lease, "2025-12-01")
    story.on("2025-12-01T11:00")
    record_visit(story, "Fatma", visit)
    finding = establish_finding(story, visit, "ONH-02", "keuken", "Aangekoekt vet op kookplaat en wanden.")
    story.things["finding1"] = finding
    fix_report(story, "Fatma", visit, "De woonkamer is gezellig en verlucht. De buren zijn tevreden.", [finding])
    story.act(
        "Fatma",
        "visits",
        f"/leases/{story.lease}/set-cadence",
        {"months": 3, "reason": "Eerste maanden wat dichterbij blijven."},
        "agrees on a visit every three months",
        "spreekt een bezoek om de drie maanden af",
        expect=["CadenceSet"],
    )
    note = story.act(
        "Fatma",
        "visits",
        "/agreements",
        {
            "lease": story.lease,
            "goes_wrong": "De keuken wordt niet proper gehouden.",
            "why_renter_says": "Veel nachtwerk, weinig energie.",
            "goal": "Een keuken waarin veilig gekookt kan worden.",
            "renter_needs": "Een vast moment in de week.",
            "findings": [finding],
        },
        "drafts an agreement note: what goes wrong, why, the goal, what the renter needs",
        "stelt een afsprakennota op: wat niet vlot gaat, waarom, het doel, wat de huurder nodig heeft",
        expect=["AgreementDrafted"],
    ).id
    vague = {
        "by": "renter",
        "action": "poetsen",
        "place": "keuken",
        "measure": {"kind": "seen_at_visit", "target": ""},
        "due": "2027-12-31",
        "needs": [],
        "depends_on": [],
        "agreed_by_renter": True,
    }
    story.refuse(
        "Fatma",
        "visits",
        f"/agreements/{note}/propose",
        {"commitments": [vague]},
        "not-smart",
        "tries to propose a vague commitment",
        "probeert een vage afspraak voor te stellen",
    )
    commitment = str(uuid.uuid4())
    story.act(
        "Fatma",
        "visits",
        f"/agreements/{note}/propose",
        {
            "commitments": [
                {
                    "id": commitment,
                    "by": "renter",
                    "action": "De kookplaat en de wanden errond ontvetten",
                    "place": "keuken",
                    "measure": {"kind": "seen_at_visit", "target": "kookplaat en wanden zijn vrij van vet"},
                    "due": "2026-01-05",
                    "needs": ["ontvetter"],
                    "depends_on": [],
                    "agreed_by_renter": True,
                }
            ]
        },
        "proposes one small SMART step",
        "stelt één kleine SMART-stap voor",
        expect=["AgreementProposed"],
    )
    story.act(
        "Fatma",
        "visits",
        f"/agreements/{note}/accept",
        {"on": story.today, "signed": True, "read_in_language": "nl"},
        "notes that the renter accepts and signs",
        "noteert dat de huurder aanvaardt en tekent",
        expect=["AgreementAccepted", "AgreementStarted"],
    )
    story.act(
        "Fatma",
        "visits",
        f"/findings/{finding}/agree",
        {"agreement_id": note, "commitment_id": commitment},
        "ties the finding to that step",
        "koppelt de vaststelling aan die stap",
        expect=["FindingAgreed"],
    )
    story.things.update(note=note, commitment=commitment)


def an_agreement_is_broken(story: Story) -> None:
    """See that a step was not taken: the first negative evaluation."""
    story.stage.chapter(story.say("An agreement is not kept", "Een afspraak wordt niet nagekomen"))
    story.on("2026-01-05T09:00")
    visit = agree_on_visit(story, "Fatma", story.lease, "2026-01-19")
    story.on("2026-01-19T11:00")
    record_visit(story, "Fatma", visit)
    note = story.things["note"]
    story.act(
        "Fatma",
        "visits",
        f"/agreements/{note}/follow-up",
        {
            "commitment": story.things["commitment"],
            "on": story.today,
            "outcome": "not_kept",
            "seen_by": PEOPLE["Fatma"].id,
        },
        "sees that the step was not taken",
        "ziet dat de stap niet gezet is",
        expect=["CommitmentFollowedUp"],
    )
    story.act(
        "Fatma",
        "visits",
        f"/agreements/{note}/conclude",
        {"as": "broken", "on": story.today, "why": "De keuken is niet ontvet; er was geen overmacht."},
        "concludes that the agreement was broken",
        "besluit dat de afspraak niet nagekomen is",
        expect=["AgreementBreached"],
    )
    finding = establish_finding(
        story,
        visit,
        "ONH-02",
        "keuken",
        "De kookplaat is niet ontvet, er is schade aan de wand.",
        repeats=story.things["finding1"],
    )
    fix_report(story, "Fatma", visit, "De rekeningen zijn op tijd betaald. De badkamer is netjes.", [finding])
    story.things.update(finding2=finding)
    story.refuse(
        "Fatma",
        "evaluations",
        "/evaluations",
        {"lease": story.lease, "moment": visit, "outcome": "negative", "grounds": [], "why": "Zomaar."},
        "no-ground",
        "tries to propose a negative evaluation without a ground",
        "probeert een negatieve evaluatie zonder grond voor te stellen",
    )
    story.things["evaluation1"] = evaluate(
        story,
        visit,
        [finding],
        proposed="De afspraak over de keuken is niet nagekomen.",
        reasons="Ik las het verslag en de afsprakennota; de huurder kreeg vijf weken en hulp werd aangeboden.",
        sent="2026-01-22T10:00",
        reached="2026-01-26T10:00",
    )


def a_second_time(story: Story) -> None:
    """Find the same again, and offer help; that it is not wanted never counts."""
    story.stage.chapter(story.say("A second time, and help is offered", "Een tweede keer, en hulp wordt aangeboden"))
    story.on("2026-04-13T09:00")
    visit = agree_on_visit(story, "Fatma", story.lease, "2026-04-27")
    story.on("2026-04-27T11:00")
    record_visit(story, "Fatma", visit)
    finding = establish_finding(
        story,
        visit,
        "ONH-02",
        "keuken",
        "Opnieuw aangekoekt vet; de wand bladdert af.",
        repeats=story.things["finding2"],
    )
    fix_report(story, "Fatma", visit, "De huurder gaat naar de les en praat vlotter Nederlands.", [finding])
    story.things["finding3"] = finding
    partner = list_partner(story, "Karel")
    referral = story.act(
        "Fatma",
        "referrals",
        "/referrals",
        {"lease": story.lease, "need": "other", "partner": partner, "why": "Hulp bij het huishouden."},
        "offers help: a referral to a family aid service",
        "biedt hulp aan: een doorverwijzing naar gezinszorg",
        expect=["ReferralOffered", "ReferralProposed"],
    ).id
    story.act(
        "Fatma",
        "referrals",
        f"/referrals/{referral}/ask-consent",
        {"explained_in": "nl", "what_is_shared": ["naam", "telefoonnummer"]},
        "explains what would be shared, and asks",
        "legt uit wat gedeeld zou worden, en vraagt het",
        expect=["ReferralConsentAsked"],
    )
    story.act(
        "Fatma",
        "referrals",
        f"/referrals/{referral}/refuse-consent",
        {},
        "notes that the renter prefers not to: that never counts",
        "noteert dat de huurder dat liever niet wil: dat telt nooit mee",
        expect=["ReferralConsentRefused"],
    )
    story.things["evaluation2"] = evaluate(
        story,
        visit,
        [finding],
        proposed="Hetzelfde punt, drie maanden later, zonder verbetering.",
        reasons="De wand is nu beschadigd; de herstelperiode van dertig dagen is ruim voorbij.",
        sent="2026-04-30T10:00",
        reached="2026-05-05T10:00",
    )


def a_third_time(story: Story) -> None:
    """Be refused at the door on an agreed day: the third negative evaluation."""
    story.stage.chapter(story.say("Nobody may come in", "Niemand mag binnen"))
    story.on("2026-09-28T09:00")
    visit = agree_on_visit(story, "Fatma", story.lease, "2026-10-12")
    story.on("2026-10-12T10:30")
    story.act(
        "Fatma",
        "visits",
        f"/visits/{visit}/access-refused",
        {"said": "Ik laat vandaag niemand binnen.", "by_whom": "renter", "reason_given": "Geen zin."},
        "records that the renter refused access at an agreed appointment",
        "legt vast dat de huurder de toegang weigerde op een afgesproken bezoek",
        expect=["AccessRefused"],
    )
    finding = story.act(
        "Fatma",
        "visits",
        "/findings",
        {
            "lease": story.lease,
            "item": "MED-01",
            "place": "voordeur",
            "what_seen": "De huurder deed open en weigerde de toegang.",
            "occurred_on": story.today,
            "source": {"kind": "visit", "visit": visit},
            "evidence": [],
        },
        "establishes a finding on MED-01",
        "doet een vaststelling op MED-01",
        expect=["FindingEstablished"],
    ).id
    story.act(
        "Fatma",
        "visits",
        f"/findings/{finding}/attribute",
        {"to": "renter", "severity": 2, "why": "Het bezoek was afgesproken en op tijd gemeld."},
        "attributes it, with a reason",
        "rekent ze toe, met een reden",
        expect=["FindingAttributed"],
    )
    story.act(
        "Fatma",
        "visits",
        f"/findings/{finding}/discuss",
        {
            "with": ["renter"],
            "on": story.today,
            "renter_said": "Ik had een slechte dag.",
            "renter_plan": "Volgende keer bel ik op voorhand.",
            "obstacles": "Geen genoemd.",
        },
        "discusses it on the phone the same day",
        "bespreekt ze dezelfde dag aan de telefoon",
        expect=["FindingDiscussed"],
    )
    story.act(
        "Fatma",
        "visits",
        f"/visits/{visit}/fix-report",
        {
            "goes_well": "De huurder bleef beleefd en belde zelf terug.",
            "needs": [],
            "can_do": [],
            "findings": [finding],
        },
        "fixes the report",
        "legt het verslag vast",
        expect=["ReportFixed"],
    )
    evaluation = story.act(
        "Karel",
        "evaluations",
        "/evaluations",
        {
            "lease": story.lease,
            "moment": visit,
            "outcome": "negative",
            "grounds": [{"finding": finding}],
            "why": "De toegang werd geweigerd op een afgesproken bezoek.",
        },
        "proposes the evaluation himself, standing in for Fatma",
        "stelt de evaluatie zelf voor, in plaats van Fatma",
        expect=["EvaluationProposed"],
    ).id
    story.refuse(
        "Karel",
        "evaluations",
        f"/evaluations/{evaluation}/decide",
        {"outcome": "negative", "reasons": "Ik blijf bij wat ik voorstelde, het was afgesproken."},
        "self-approval",
        "tries to decide on his own proposal",
        "probeert over zijn eigen voorstel te beslissen",
    )
    story.act(
        "Wim",
        "evaluations",
        f"/evaluations/{evaluation}/decide",
        {"outcome": "negative", "reasons": "Het bezoek was twee weken vooraf gemeld en door de huurder aanvaard."},
        "decides in his place, with reasons of his own",
        "beslist in zijn plaats, met eigen redenen",
        count=True,
        expect=["EvaluationDecidedNegative"],
    )
    tell_the_renter(story, evaluation, approver="Wim", sent="2026-10-15T10:00", reached="2026-10-20T10:00")
    story.things["evaluation3"] = evaluation
