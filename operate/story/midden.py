"""Kantoor Midden is there: an agreement that is kept, a good evaluation, and somebody who goes along."""

import uuid

from operate.story.acts import agree_on_visit, fix_report, list_partner, record_visit
from operate.story.telling import PEOPLE, Story


def presence(story: Story) -> None:
    """Be there: an agreement that is kept, a good evaluation, and somebody who goes along to a partner."""
    story.stage.chapter(story.say("Kantoor Midden: somebody goes along", "Kantoor Midden: iemand gaat mee"))
    lease = _a_lease_and_its_first_visit(story)
    note, commitment = _an_agreement(story, lease)
    _somebody_goes_along(story, lease)
    _the_agreement_is_kept(story, lease, note, commitment)


def _a_lease_and_its_first_visit(story: Story) -> str:
    registered = story.act(
        "Jo",
        "visits",
        "/leases",
        {
            "dwelling": {"reference": "KM-0032", "address": "Molenweg 5, 3000 Leuven"},
            "landlord": "Woonmaatschappij Midden bv",
            "parties": [
                {
                    "name": "Bilal Voorbeeld",
                    "role": "renter",
                    "language": "nl",
                    "household": "alone",
                    "contacts": [{"kind": "phone", "value": "+32 470 00 00 02"}],
                }
            ],
            "start": "2026-05-05",
            "informed_on": "2026-05-05",
        },
        "registers a lease that starts today",
        "registreert een huur die vandaag start",
        expect=["LeaseRegistered"],
    )
    lease = story.lease_midden = registered.id
    story.act(
        "Hilde",
        "visits",
        f"/leases/{lease}/assign-counsellor",
        {"counsellor": PEOPLE["Nora"].id},
        "assigns Nora",
        "wijst Nora aan",
        expect=["CounsellorAssigned", "LeaseStarted"],
    )
    story.on("2026-05-11T09:00")
    visit = agree_on_visit(story, "Nora", lease, "2026-05-26", "14:00")
    story.on("2026-05-26T15:30")
    record_visit(story, "Nora", visit)
    fix_report(story, "Nora", visit, "Er was koffie en taart. De woning is warm ingericht.")
    story.act(
        "Nora",
        "visits",
        f"/leases/{lease}/set-cadence",
        {"months": 4, "reason": "Drie keer per jaar is genoeg."},
        "agrees on a visit every four months",
        "spreekt een bezoek om de vier maanden af",
        expect=["CadenceSet"],
    )
    return lease


def _an_agreement(story: Story, lease: str) -> tuple[str, str]:
    """Agree on one small step; return the note and the step."""
    note = story.act(
        "Nora",
        "visits",
        "/agreements",
        {
            "lease": lease,
            "goes_wrong": "De post blijft liggen, er zijn twee aanmaningen.",
            "why_renter_says": "De brieven zijn moeilijk.",
            "goal": "Geen aanmaningen meer.",
            "renter_needs": "Iemand die meeleest.",
            "findings": [],
        },
        "drafts an agreement note together with the renter",
        "stelt samen met de huurder een afsprakennota op",
        expect=["AgreementDrafted"],
    ).id
    commitment = str(uuid.uuid4())
    story.act(
        "Nora",
        "visits",
        f"/agreements/{note}/propose",
        {
            "commitments": [
                {
                    "id": commitment,
                    "by": "renter",
                    "action": "Alle brieven in één map bewaren",
                    "place": "woonkamer",
                    "measure": {"kind": "seen_at_visit", "target": "een map met de brieven van de zomer"},
                    "due": "2026-09-15",
                    "needs": ["een map"],
                    "depends_on": [],
                    "agreed_by_renter": True,
                }
            ]
        },
        "proposes one small step",
        "stelt één kleine stap voor",
        expect=["AgreementProposed"],
    )
    story.act(
        "Nora",
        "visits",
        f"/agreements/{note}/accept",
        {"on": story.today, "signed": True, "read_in_language": "nl"},
        "notes that the renter accepts",
        "noteert dat de huurder aanvaardt",
        expect=["AgreementAccepted"],
    )
    return note, commitment


def _somebody_goes_along(story: Story, lease: str) -> None:
    partner = list_partner(story, "Hilde")
    story.act(
        "Hilde",
        "referrals",
        "/data-sharing-protocols",
        {"partner": partner, "from": "2026-01-01", "until": "2027-12-31", "reference": "PROT-2026-01"},
        "lists the data-sharing protocol with that partner",
        "neemt het protocol over gegevensdeling met die partner op",
    )
    referral = story.act(
        "Nora",
        "referrals",
        "/referrals",
        {"lease": lease, "need": "paperwork", "partner": partner, "why": "Hulp met brieven."},
        "proposes help with paperwork",
        "stelt hulp met papieren voor",
        expect=["ReferralOffered", "ReferralProposed"],
    ).id
    for path, body, english, dutch, event in (
        (
            "ask-consent",
            {"explained_in": "nl", "what_is_shared": ["naam", "telefoonnummer"]},
            "explains what is shared, and asks",
            "legt uit wat gedeeld wordt, en vraagt het",
            "ReferralConsentAsked",
        ),
        (
            "give-consent",
            {"on": story.today, "scope": ["naam", "telefoonnummer"], "form": "signed"},
            "notes the renter's consent",
            "noteert de toestemming van de huurder",
            "ReferralConsentGiven",
        ),
        ("call-together", {}, "calls together with the renter", "belt samen met de huurder", "CalledTogether"),
    ):
        story.act("Nora", "referrals", f"/referrals/{referral}/{path}", body, english, dutch, expect=[event])
    story.on("2026-06-09T16:00")
    story.act(
        "Nora",
        "referrals",
        f"/referrals/{referral}/accompany",
        {"on": story.today},
        "goes along to the first appointment",
        "gaat mee naar de eerste afspraak",
        expect=["ReferralAccompanied"],
    )
    story.act(
        "Nora",
        "referrals",
        f"/referrals/{referral}/confirm-intake",
        {"on": story.today, "confirmed_by": "partner"},
        "notes that the intake took place: the referral landed",
        "noteert dat de intake doorging: de doorverwijzing is geland",
        expect=["IntakeConfirmed"],
    )


def _the_agreement_is_kept(story: Story, lease: str, note: str, commitment: str) -> None:
    story.on("2026-09-10T09:00")
    visit = agree_on_visit(story, "Nora", lease, "2026-09-22", "14:00")
    story.on("2026-09-22T15:30")
    record_visit(story, "Nora", visit)
    story.act(
        "Nora",
        "visits",
        f"/agreements/{note}/follow-up",
        {"commitment": commitment, "on": story.today, "outcome": "kept", "seen_by": PEOPLE["Nora"].id},
        "sees the folder with the letters",
        "ziet de map met de brieven",
        expect=["CommitmentFollowedUp"],
    )
    story.act(
        "Nora",
        "visits",
        f"/agreements/{note}/conclude",
        {"as": "kept", "on": story.today, "why": "De map is er, geen nieuwe aanmaningen."},
        "concludes that the agreement was kept",
        "besluit dat de afspraak nagekomen is",
        expect=["AgreementKept"],
    )
    fix_report(story, "Nora", visit, "De post is op orde. De huurder is trots, en terecht.")
    evaluation = story.act(
        "Nora",
        "evaluations",
        "/evaluations",
        {"lease": lease, "moment": visit, "outcome": "positive", "grounds": [], "why": "De afspraak is nagekomen."},
        "proposes a positive evaluation",
        "stelt een positieve evaluatie voor",
        expect=["EvaluationProposed"],
    ).id
    story.act(
        "Nora",
        "evaluations",
        f"/evaluations/{evaluation}/decide",
        {"outcome": "positive", "reasons": "De post is op orde en blijft dat."},
        "records it: good news needs no second pair of eyes",
        "legt ze vast: goed nieuws vraagt geen tweede paar ogen",
        count=True,
        expect=["EvaluationRecorded"],
    )
