"""The threshold opened a review; people hear, check, propose and decide."""

from operate.story.acts import gates, letter_about
from operate.story.telling import PEOPLE, Story, WentWrong


def the_review(story: Story) -> None:
    """Hear the renter, consult the OCMW, and prove each gate."""
    story.stage.chapter(
        story.say(
            "The threshold opens a review. A person decides.",
            "De drempel opent een herbeoordeling. Een mens beslist.",
        )
    )
    reviews = story.client.read(PEOPLE["Karel"], "evaluations", "/terminations", lease=story.lease)["items"]
    if len(reviews) != 1:
        raise WentWrong(f"{len(reviews)} reviews are open, instead of one")
    review = story.things["review"] = str(reviews[0]["id"])
    crossed = [entry["event"] for entry in story.timeline() if entry["type"] == "ThresholdReached"]
    if len(crossed) != 1:
        raise WentWrong(f"ThresholdReached {len(crossed)} times, instead of once")
    story.stage.saw(
        story.say(
            "The review is open; nothing else followed from the count",
            "De herbeoordeling is open; verder volgt er niets uit de teller",
        ),
        gates(story),
    )
    story.on("2026-11-10T10:00")
    story.act(
        "Karel",
        "evaluations",
        f"/terminations/{review}/record-hearing",
        {
            "on": story.today,
            "invited_on": "2026-10-27",
            "present": ["renter", PEOPLE["Karel"].id],
            "interpreter": {"kind": "none"},
            "said": "De huurder vertelt over het nachtwerk en de ziekte van haar moeder.",
        },
        "hears the renter",
        "hoort de huurder",
        expect=["HearingHeld"],
    )
    consultation = story.act(
        "Karel",
        "referrals",
        "/ocmw-consultations",
        {"lease": story.lease, "on": story.today, "ground": "maintenance"},
        "consults the OCMW",
        "raadpleegt het OCMW",
        expect=["OcmwConsulted"],
    ).id
    story.act(
        "Karel",
        "referrals",
        f"/ocmw-consultations/{consultation}/answer",
        {"on": story.today, "answer": "Het OCMW biedt een gesprek aan."},
        "notes the answer of the OCMW",
        "noteert het antwoord van het OCMW",
        expect=["OcmwAnswered"],
    )
    grounds = [story.things["finding3"], story.things["finding2"]]
    for name, gate, proof, english, dutch in (
        (
            "Karel",
            "G2",
            {"findings": grounds, "note": "Dagelijks onderhoud; geen gebrek aan de woning."},
            "checks who each ground is attributed to",
            "gaat na aan wie elke grond is toegerekend",
        ),
        (
            "Karel",
            "G3",
            {
                "note": "Alleenwonend, zieke moeder. Begeleiding, afsprakennota en gezinszorg geprobeerd; "
                "geen blijvende verbetering. Er is geen achterstal."
            },
            "writes the proportionality note",
            "schrijft de proportionaliteitsnota",
        ),
        (
            "Bart",
            "G9",
            {"in_order": True, "note": "Geen open herstellingen; plaatsbeschrijving aanwezig."},
            "checks that the landlord's own duties are in order",
            "gaat na of de verhuurder zelf in orde is",
        ),
        (
            "Tom",
            "G8",
            {"addressees": [{"party": story.things["renter"], "checked_on": story.today}]},
            "checks the address of every addressee",
            "gaat het adres van elke geadresseerde na",
        ),
    ):
        story.act(
            name,
            "evaluations",
            f"/terminations/{review}/record-gate",
            {"gate": gate, "proof": proof},
            english,
            dutch,
        )
    story.stage.saw(
        story.say("What is still open", "Wat nog open staat"), [line for line in gates(story) if "✔" not in line]
    )


def the_decision(story: Story) -> None:
    """Let a counsellor be refused, and the director decide: mandate, own reasons, a notice with computed dates."""
    story.stage.chapter(story.say("People decide", "Mensen beslissen"))
    review = story.things["review"]
    grounds = [{"finding": story.things["finding3"]}]
    story.on("2026-11-24T10:00")
    story.refuse(
        "Fatma",
        "evaluations",
        f"/terminations/{review}/decide",
        {"outcome": "terminate", "reasons": "x" * 120, "grounds": grounds, "notice_kind": "shortcoming"},
        "not-permitted",
        "tries to decide on the termination herself",
        "probeert zelf over de beëindiging te beslissen",
    )
    story.act(
        "Karel",
        "evaluations",
        f"/terminations/{review}/propose",
        {
            "grounds": grounds,
            "why": "Het onderhoud van de keuken blijft al een half jaar achter, met schade tot gevolg.",
        },
        "proposes to end the lease",
        "stelt voor de huur te beëindigen",
        expect=["TerminationProposed"],
    )
    story.stage.saw(story.say("All ten gates", "Alle tien de poorten"), gates(story))
    story.on("2026-12-07T10:00")
    story.act(
        "Rita",
        "evaluations",
        f"/terminations/{review}/decide",
        {
            "outcome": "terminate",
            "reasons": (
                "Ik woog de situatie van de huurder, de aangeboden hulp en de kansen die zij kreeg. De schade "
                "neemt toe, zonder blijvende verbetering in een jaar. Een minder ingrijpende weg zie ik niet."
            ),
            "grounds": grounds,
            "notice_kind": "shortcoming",
        },
        "weighs the whole file and decides, under her mandate",
        "weegt het hele dossier en beslist, met haar mandaat",
        expect=["TerminationDecided"],
    )
    letter = letter_about(story, "L-09", review)
    story.act(
        "Rita",
        "notifications",
        f"/communications/{letter['id']}/approve",
        {},
        "approves the notice letter",
        "keurt de opzegbrief goed",
        expect=["CommunicationApproved"],
    )
    story.on("2026-12-09T10:00")
    story.act(
        "Tom",
        "evaluations",
        f"/terminations/{review}/post-notice",
        {
            "posted_on": story.today,
            "method": "registered_paper",
            "communications": [letter["id"]],
            "tracking": ["RR000000009BE"],
        },
        "posts the notice by registered mail",
        "doet de opzeg aangetekend op de post",
        count=True,
        expect=["NoticePosted", "NoticeDatesComputed"],
    )
    read = story.client.read(PEOPLE["Rita"], "evaluations", f"/terminations/{review}")
    notice = read["notice"]
    story.stage.saw(
        story.say("The notice, and how its dates came about", "De opzeg, en hoe haar datums tot stand kwamen"),
        [f"{step['result']}  {step['sentence']}" for step in notice["steps"]],
    )


def the_end(story: Story) -> None:
    """Look half a year later: guidance went on."""
    story.on("2027-05-03T09:00")
    lease = story.client.read(PEOPLE["Karel"], "visits", f"/leases/{story.lease}")
    story.stage.saw(
        story.say("Guidance went on all the while", "De begeleiding liep al die tijd door"),
        [story.say(f"the lease is {lease['state']}", f"de huur is nu: {lease['state']}")],
    )
