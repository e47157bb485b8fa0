"""The two offices are founded, with their people, mandates, policies and checklists."""

from operate.story.telling import MIDDEN, NOORD, PEOPLE, Story


def offices(story: Story) -> None:
    """Found both offices, with people, mandates, a policy and a checklist."""
    story.stage.chapter(story.say("Two offices", "Twee kantoren"))
    story.found_office(NOORD, "Kantoor Noord", PEOPLE["Rita"].id)
    story.found_office(MIDDEN, "Kantoor Midden", PEOPLE["Piet"].id)
    story.act(
        "Piet",
        "evaluations",
        "/policies",
        {"in_force_from": story.today, "threshold_n": 4, "bad_news_sender": "counsellor"},
        "adopts a policy of his own: a threshold of four, and the counsellor brings bad news",
        "neemt een eigen beleid aan: drempel vier, en de begeleider brengt slecht nieuws",
        expect=["PolicyAdopted"],
    )
    for director, deciders in (("Rita", ("Karel", "Wim")), ("Piet", ("Hilde",))):
        for decider in deciders:
            story.act(
                director,
                "evaluations",
                "/mandates",
                {
                    "person": PEOPLE[decider].id,
                    "role": "coordinator",
                    "acts": ["decide_evaluation", "decide_contest"],
                    "from": story.today,
                    "until": "2028-12-31",
                },
                f"gives {decider} a mandate to decide on evaluations",
                f"geeft {decider} een mandaat om over evaluaties te beslissen",
                expect=["MandateGiven"],
            )
    story.act(
        "Tom",
        "notifications",
        "/office-details",
        {
            "address": "Kaai 1, 2000 Antwerpen",
            "phone": "+32 3 555 01 00",
            "email": "kantoor.noord@huurspoor.example",
            "ocmw": {"name": "OCMW Noord", "phone": "+32 3 555 02 00"},
            "renters_union": {"name": "Huurdersbond Noord", "phone": "+32 3 555 03 00"},
        },
        "writes down the office's address for its letters",
        "legt het adres van het kantoor vast voor de brieven",
    )
    story.act(
        "Tom",
        "visits",
        "/counsellors",
        {
            "counsellor": PEOPLE["Fatma"].id,
            "name": "Fatma",
            "phone": "+32 3 555 01 17",
            "channels": ["phone", "sms"],
        },
        "makes Fatma's card: name, phone, channels",
        "maakt het kaartje van Fatma: naam, telefoon, kanalen",
    )
