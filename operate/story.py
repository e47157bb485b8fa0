"""The story of two offices, played over HTTP by people of different roles; demo and fault tests both play it.

Kantoor Noord counts: checklists, three negative evaluations, a review, a director's decision. Kantoor Midden is there:
an agreement that is kept, a good evaluation, and somebody who goes along. All people are invented.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from operate.client import Client, Done, Refused, Somebody

NOORD, MIDDEN = "kantoor-noord", "kantoor-midden"
BEGINS = "2025-11-03T08:00"
OF_NO_LEASE = {"policies", "mandates", "office-details", "counsellors"}


def _of(office: str, *people: tuple[str, str]) -> dict[str, Somebody]:
    return {name: Somebody(name, name, role, office) for name, role in people}


PEOPLE = {
    **_of(
        NOORD,
        ("Fatma", "counsellor"),
        ("Karel", "coordinator"),
        ("Wim", "coordinator"),
        ("Rita", "director"),
        ("Tom", "administration"),
        ("Bart", "technical"),
        ("Els", "auditor"),
    ),
    **_of(
        MIDDEN,
        ("Nora", "counsellor"),
        ("Hilde", "coordinator"),
        ("Piet", "director"),
        ("Jo", "administration"),
    ),
}


class WentWrong(Exception):
    """An act of the story was answered in another way than the story tells."""


class Stage(Protocol):
    """Who shows the story as it happens."""

    def chapter(self, title: str) -> None: ...
    def day(self, day: str) -> None: ...
    def step(self, who: Somebody, what: str, done: Done, shown: str, count: str | None) -> None: ...
    def refused(self, who: Somebody, what: str, no: Refused) -> None: ...
    def saw(self, what: str, lines: Sequence[str]) -> None: ...


@dataclass
class Story:
    """The whole way of one lease in Kantoor Noord and of one in Kantoor Midden.

    :ivar move_clock: moves the platform's clock to a local time and returns when every day in between is done.
    :ivar in_words: picks the language of a pair (English, Dutch).
    :ivar between: called before each act with its number; fault tests break something here.
    """

    client: Client
    stage: Stage
    move_clock: Callable[[str], None]
    found_office: Callable[[str, str, str], None]
    dutch: bool = False
    between: Callable[[int], None] = lambda _number: None
    acts: list[tuple[str, Done]] = field(default_factory=list)
    things: dict[str, str] = field(default_factory=dict)
    refusals: list[Refused] = field(default_factory=list)
    lease: str = ""
    lease_midden: str = ""
    today: str = ""
    letters: list[str] = field(default_factory=list)

    # -- how the story is told ----------------------------------------------------------------------------------------

    def say(self, english: str, dutch: str) -> str:
        """Return the sentence in the language of who watches."""
        return dutch if self.dutch else english

    def on(self, moment: str) -> None:
        """Let time pass until a local time."""
        self.move_clock(moment)
        self.today = moment[:10]
        self.stage.day(moment)

    def act(
        self,
        name: str,
        service: str,
        path: str,
        body: Mapping[str, Any],
        english: str,
        dutch: str,
        *,
        count: bool = False,
        expect: Sequence[str] = (),
    ) -> Done:
        """Let somebody do something, read back what it led to, and show it.

        :param expect: names of events that must have been recorded.
        """
        who = PEOPLE[name]
        self.between(len(self.acts) + 1)
        done = self.client.act(who, service, path, body)
        if isinstance(done, Refused):
            raise WentWrong(f"{name}: POST {path}: {done.status} {done.reason} {' '.join(done.codes)}: {done.detail}")
        missing = [event for event in expect if event not in done.events]
        if missing:
            raise WentWrong(f"{name}: POST {path}: {', '.join(missing)} was not recorded, but {', '.join(done.events)}")
        self.acts.append((path, done))
        shown = self._read_back(who, service, path, done)
        self.stage.step(who, self.say(english, dutch), done, shown, self.count(who.office) if count else None)
        return done

    def refuse(
        self, name: str, service: str, path: str, body: Mapping[str, Any], reason: str, english: str, dutch: str
    ) -> Refused:
        """Let somebody try something that must be refused for exactly this reason, and show the answer."""
        who = PEOPLE[name]
        no = self.client.act(who, service, path, body)
        if not isinstance(no, Refused) or no.reason != reason:
            raise WentWrong(f"{name}: POST {path}: {no} instead of {reason}")
        self.refusals.append(no)
        self.stage.refused(who, self.say(english, dutch), no)
        return no

    def count(self, office: str) -> str:
        """Return the count of the office's lease as evaluations answers it: ``2 of 3``."""
        lease, reader = (self.lease, "Karel") if office == NOORD else (self.lease_midden, "Hilde")
        standing = self.client.read(PEOPLE[reader], "evaluations", f"/dossiers/{lease}/standing")
        return self.say(
            f"{standing['count']} of {standing['threshold']}", f"{standing['count']} van {standing['threshold']}"
        )

    def _read_back(self, who: Somebody, service: str, path: str, done: Done) -> str:
        collection = path.split("/")[1]
        if "id" not in done.body or len(path.split("/")) > 4:
            return ""
        try:
            read = self.client.read(who, service, f"/{collection}/{done.id}")
        except LookupError:
            return ""  # an act may be allowed to somebody who may not read what it is about
        return str(read.get("state", ""))

    # -- the story ----------------------------------------------------------------------------------------------------

    def play(self, *, chapters: int | None = None) -> None:
        """Play it in the order of the days: all of it, or so many chapters from the beginning."""
        self.today = BEGINS[:10]
        self.stage.day(BEGINS)
        whole = (
            self._offices,
            self._a_lease_begins,
            self._first_visit,
            self._an_agreement_is_broken,
            self._a_second_time,
            self._presence_in_midden,
            self._a_third_time,
            self._the_review,
            self._the_decision,
            self._the_end,
        )
        for chapter in whole[:chapters]:
            chapter()

    def _offices(self) -> None:
        self.stage.chapter(self.say("Two offices", "Twee kantoren"))
        self.found_office(NOORD, "Kantoor Noord", PEOPLE["Rita"].id)
        self.found_office(MIDDEN, "Kantoor Midden", PEOPLE["Piet"].id)
        self.act(
            "Piet",
            "evaluations",
            "/policies",
            {"in_force_from": self.today, "threshold_n": 4, "bad_news_sender": "counsellor"},
            "adopts a policy of his own: a threshold of four, and the counsellor brings bad news",
            "neemt een eigen beleid aan: drempel vier, en de begeleider brengt slecht nieuws",
            expect=["PolicyAdopted"],
        )
        for director, deciders in (("Rita", ("Karel", "Wim")), ("Piet", ("Hilde",))):
            for decider in deciders:
                self.act(
                    director,
                    "evaluations",
                    "/mandates",
                    {
                        "person": PEOPLE[decider].id,
                        "role": "coordinator",
                        "acts": ["decide_evaluation", "decide_contest"],
                        "from": self.today,
                        "until": "2028-12-31",
                    },
                    f"gives {decider} a mandate to decide on evaluations",
                    f"geeft {decider} een mandaat om over evaluaties te beslissen",
                    expect=["MandateGiven"],
                )
        self.act(
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
        self.act(
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

    def _a_lease_begins(self) -> None:
        self.stage.chapter(self.say("Kantoor Noord: a lease begins", "Kantoor Noord: een huurovereenkomst begint"))
        registered = self.act(
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
        self.lease = registered.id
        self.things["renter"] = str(registered.body["parties"][0]["id"])
        self.act(
            "Karel",
            "visits",
            f"/leases/{self.lease}/assign-counsellor",
            {"counsellor": PEOPLE["Fatma"].id},
            f"assigns Fatma as counsellor; the first visit is due on {registered.body['first_visit_due']}",
            f"wijst Fatma aan als begeleider; eerste bezoek ten laatste op {registered.body['first_visit_due']}",
            expect=["CounsellorAssigned", "FirstVisitDue"],
        )

    def _visit(self, name: str, lease: str, day: str, slot: str = "10:00", *, agreed: bool = True) -> str:
        """Plan, announce and agree on a visit: what comes before anybody rings a bell."""
        planned = self.act(
            name,
            "visits",
            "/visits",
            {"lease": lease, "date": day, "slot": slot, "purpose": "individual", "kind": "home"},
            f"plans a home visit on {day}",
            f"plant een huisbezoek op {day}",
            expect=["VisitPlanned"],
        )
        self.act(
            name,
            "visits",
            f"/visits/{planned.id}/announce",
            {"channel": "whatsapp", "announced_on": self.today, "purpose_told": True},
            "announces it and says what it is for",
            "kondigt het aan en zegt waarvoor het dient",
            expect=["VisitAnnounced"],
        )
        if agreed:
            self.act(
                name,
                "visits",
                f"/visits/{planned.id}/agree",
                {"agreed_on": self.today, "channel": "whatsapp"},
                "notes that the renter agrees",
                "noteert dat de huurder akkoord gaat",
                expect=["AppointmentAgreed"],
            )
        return planned.id

    def _record(self, name: str, visit: str) -> None:
        self.act(
            name,
            "visits",
            f"/visits/{visit}/record",
            {
                "occurred_on": self.today,
                "present": ["renter", PEOPLE[name].id],
                "permission": True,
                "interpreter": {"kind": "none"},
            },
            "records the visit: the renter let her in",
            "legt het bezoek vast: de huurder liet haar binnen",
            expect=["VisitRecorded"],
        )

    def _report(self, name: str, visit: str, goes_well: str, findings: Sequence[str] = ()) -> None:
        self.act(
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

    def _finding(self, visit: str, item: str, place: str, seen: str, *, repeats: str | None = None) -> str:
        """Establish a finding, attribute it, and discuss it with the renter's own view and plan."""
        finding = self.act(
            "Fatma",
            "visits",
            "/findings",
            {
                "lease": self.lease,
                "item": item,
                "place": place,
                "what_seen": seen,
                "occurred_on": self.today,
                "source": {"kind": "visit", "visit": visit},
                "evidence": [],
            },
            f"establishes a finding on {item}",
            f"doet een vaststelling op {item}",
            expect=["FindingEstablished"],
        ).id
        self.act(
            "Fatma",
            "visits",
            f"/findings/{finding}/attribute",
            {"to": "renter", "severity": 2, "consequence": "damage", "why": "Het gaat om het dagelijks onderhoud."},
            "attributes it, with a reason",
            "rekent ze toe, met een reden",
            expect=["FindingAttributed"],
        )
        if repeats is not None:
            self.act(
                "Fatma",
                "visits",
                f"/findings/{finding}/link-repeat",
                {"earlier_finding": repeats},
                "links it to the earlier finding on the same item",
                "koppelt ze aan de eerdere vaststelling op hetzelfde punt",
                expect=["FindingLinkedAsRepeat"],
            )
        self.act(
            "Fatma",
            "visits",
            f"/findings/{finding}/discuss",
            {
                "with": ["renter"],
                "on": self.today,
                "renter_said": "Het lukt me niet goed, ik werk veel nachten.",
                "renter_plan": "Ik maak elke zaterdag de keuken proper.",
                "obstacles": "Nachtwerk; niemand die kan helpen.",
            },
            "discusses it: the renter's own view, plan and obstacles are written down",
            "bespreekt ze: hoe de huurder het ziet, het plan en de hindernissen staan erbij",
            expect=["FindingDiscussed"],
        )
        return finding

    def _first_visit(self) -> None:
        self.stage.chapter(self.say("The first visit, three weeks after the start", "Het eerste bezoek, na drie weken"))
        self.on("2025-11-20T09:00")
        visit = self._visit("Fatma", self.lease, "2025-12-01")
        self.on("2025-12-01T11:00")
        self._record("Fatma", visit)
        finding = self._finding(visit, "ONH-02", "keuken", "Aangekoekt vet op kookplaat en wanden.")
        self.things["finding1"] = finding
        self._report("Fatma", visit, "De woonkamer is gezellig en verlucht. De buren zijn tevreden.", [finding])
        self.act(
            "Fatma",
            "visits",
            f"/leases/{self.lease}/set-cadence",
            {"months": 3, "reason": "Eerste maanden wat dichterbij blijven."},
            "agrees on a visit every three months",
            "spreekt een bezoek om de drie maanden af",
            expect=["CadenceSet"],
        )
        note = self.act(
            "Fatma",
            "visits",
            "/agreements",
            {
                "lease": self.lease,
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
        self.refuse(
            "Fatma",
            "visits",
            f"/agreements/{note}/propose",
            {"commitments": [vague]},
            "not-smart",
            "tries to propose a vague commitment",
            "probeert een vage afspraak voor te stellen",
        )
        commitment = str(uuid.uuid4())
        self.act(
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
        self.act(
            "Fatma",
            "visits",
            f"/agreements/{note}/accept",
            {"on": self.today, "signed": True, "read_in_language": "nl"},
            "notes that the renter accepts and signs",
            "noteert dat de huurder aanvaardt en tekent",
            expect=["AgreementAccepted", "AgreementStarted"],
        )
        self.act(
            "Fatma",
            "visits",
            f"/findings/{finding}/agree",
            {"agreement_id": note, "commitment_id": commitment},
            "ties the finding to that step",
            "koppelt de vaststelling aan die stap",
            expect=["FindingAgreed"],
        )
        self.things.update(note=note, commitment=commitment)

    def _evaluate(
        self,
        moment: str,
        findings: Sequence[str],
        *,
        proposed: str,
        reasons: str,
        sent: str,
        reached: str,
    ) -> str:
        """Propose, let another person decide, approve the letter, send it, and enter the proof that it arrived."""
        evaluation = self.act(
            "Fatma",
            "evaluations",
            "/evaluations",
            {
                "lease": self.lease,
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
        self.act(
            "Karel",
            "evaluations",
            f"/evaluations/{evaluation}/decide",
            {"outcome": "negative", "reasons": reasons},
            "decides, with reasons of his own",
            "beslist, met eigen redenen",
            count=True,
            expect=["EvaluationDecidedNegative"],
        )
        self._tell_the_renter(evaluation, approver="Karel", sent=sent, reached=reached)
        return evaluation

    def _tell_the_renter(self, evaluation: str, *, approver: str, sent: str, reached: str) -> None:
        """Approve the letter about an evaluation, post it, and enter the proof that it arrived."""
        letter = self._letter("L-05", evaluation)
        self.act(
            approver,
            "notifications",
            f"/communications/{letter['id']}/approve",
            {},
            "reads and approves the letter",
            "leest de brief en keurt ze goed",
            expect=["CommunicationApproved"],
        )
        self.on(sent)
        self.act(
            "Tom",
            "notifications",
            f"/communications/{letter['id']}/send",
            {"on": self.today, "method": "registered_paper", "tracking": f"RR{len(self.letters):09d}BE"},
            "posts it by registered mail",
            "doet ze aangetekend op de post",
            expect=["CommunicationSent"],
        )
        self.on(reached)
        for addressee in letter["addressees"]:
            self.act(
                "Tom",
                "notifications",
                f"/communications/{letter['id']}/delivered",
                {
                    "addressee": addressee["id"],
                    "on": self.today,
                    "proof": {"kind": "receipt", "reference": f"AR-{len(self.letters)}", "signed_by": "addressee"},
                },
                "enters the proof that it was delivered: only now does it count",
                "voert het bewijs van afgifte in: pas nu telt ze",
                count=True,
                expect=["CommunicationDelivered"],
            )
        read = self.client.read(PEOPLE["Karel"], "evaluations", f"/evaluations/{evaluation}")
        if read["state"] != "communicated":
            raise WentWrong(f"the evaluation is {read['state']}, not communicated")

    def _letter(self, kind: str, about: str) -> Mapping[str, Any]:
        found = self.client.read(PEOPLE["Karel"], "notifications", "/communications", about=about, kind=kind)["items"]
        if len(found) != 1:
            raise WentWrong(f"{len(found)} letters {kind} about one thing, instead of one")
        self.letters.append(str(found[0]["id"]))
        return dict(found[0])

    def _an_agreement_is_broken(self) -> None:
        self.stage.chapter(self.say("An agreement is not kept", "Een afspraak wordt niet nagekomen"))
        self.on("2026-01-05T09:00")
        visit = self._visit("Fatma", self.lease, "2026-01-19")
        self.on("2026-01-19T11:00")
        self._record("Fatma", visit)
        note = self.things["note"]
        self.act(
            "Fatma",
            "visits",
            f"/agreements/{note}/follow-up",
            {
                "commitment": self.things["commitment"],
                "on": self.today,
                "outcome": "not_kept",
                "seen_by": PEOPLE["Fatma"].id,
            },
            "sees that the step was not taken",
            "ziet dat de stap niet gezet is",
            expect=["CommitmentFollowedUp"],
        )
        self.act(
            "Fatma",
            "visits",
            f"/agreements/{note}/conclude",
            {"as": "broken", "on": self.today, "why": "De keuken is niet ontvet; er was geen overmacht."},
            "concludes that the agreement was broken",
            "besluit dat de afspraak niet nagekomen is",
            expect=["AgreementBreached"],
        )
        finding = self._finding(
            visit,
            "ONH-02",
            "keuken",
            "De kookplaat is niet ontvet, er is schade aan de wand.",
            repeats=self.things["finding1"],
        )
        self._report("Fatma", visit, "De rekeningen zijn op tijd betaald. De badkamer is netjes.", [finding])
        self.things.update(finding2=finding)
        self.refuse(
            "Fatma",
            "evaluations",
            "/evaluations",
            {"lease": self.lease, "moment": visit, "outcome": "negative", "grounds": [], "why": "Zomaar."},
            "no-ground",
            "tries to propose a negative evaluation without a ground",
            "probeert een negatieve evaluatie zonder grond voor te stellen",
        )
        self.things["evaluation1"] = self._evaluate(
            visit,
            [finding],
            proposed="De afspraak over de keuken is niet nagekomen.",
            reasons="Ik las het verslag en de afsprakennota; de huurder kreeg vijf weken en hulp werd aangeboden.",
            sent="2026-01-22T10:00",
            reached="2026-01-26T10:00",
        )

    def _a_second_time(self) -> None:
        self.stage.chapter(self.say("A second time, and help is offered", "Een tweede keer, en hulp wordt aangeboden"))
        self.on("2026-04-13T09:00")
        visit = self._visit("Fatma", self.lease, "2026-04-27")
        self.on("2026-04-27T11:00")
        self._record("Fatma", visit)
        finding = self._finding(
            visit, "ONH-02", "keuken", "Opnieuw aangekoekt vet; de wand bladdert af.", repeats=self.things["finding2"]
        )
        self._report("Fatma", visit, "De huurder gaat naar de les en praat vlotter Nederlands.", [finding])
        self.things["finding3"] = finding
        partner = self._partner("Karel")
        referral = self.act(
            "Fatma",
            "referrals",
            "/referrals",
            {"lease": self.lease, "need": "other", "partner": partner, "why": "Hulp bij het huishouden."},
            "offers help: a referral to a family aid service",
            "biedt hulp aan: een doorverwijzing naar gezinszorg",
            expect=["ReferralOffered", "ReferralProposed"],
        ).id
        self.act(
            "Fatma",
            "referrals",
            f"/referrals/{referral}/ask-consent",
            {"explained_in": "nl", "what_is_shared": ["naam", "telefoonnummer"]},
            "explains what would be shared, and asks",
            "legt uit wat gedeeld zou worden, en vraagt het",
            expect=["ReferralConsentAsked"],
        )
        self.act(
            "Fatma",
            "referrals",
            f"/referrals/{referral}/refuse-consent",
            {},
            "notes that the renter prefers not to: that never counts",
            "noteert dat de huurder dat liever niet wil: dat telt nooit mee",
            expect=["ReferralConsentRefused"],
        )
        self.things["evaluation2"] = self._evaluate(
            visit,
            [finding],
            proposed="Hetzelfde punt, drie maanden later, zonder verbetering.",
            reasons="De wand is nu beschadigd; de herstelperiode van dertig dagen is ruim voorbij.",
            sent="2026-04-30T10:00",
            reached="2026-05-05T10:00",
        )

    def _partner(self, name: str) -> str:
        return self.act(
            name,
            "referrals",
            "/partners",
            {"name": "Gezinszorg De Brug", "kind": "family_care", "address": "Markt 2", "phone": "+32 3 555 04 00"},
            "lists a partner organisation",
            "neemt een partnerorganisatie op",
        ).id

    def _presence_in_midden(self) -> None:
        self.stage.chapter(self.say("Kantoor Midden: somebody goes along", "Kantoor Midden: iemand gaat mee"))
        registered = self.act(
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
        self.lease_midden = registered.id
        lease = self.lease_midden
        self.act(
            "Hilde",
            "visits",
            f"/leases/{lease}/assign-counsellor",
            {"counsellor": PEOPLE["Nora"].id},
            "assigns Nora",
            "wijst Nora aan",
            expect=["CounsellorAssigned", "LeaseStarted"],
        )
        self.on("2026-05-11T09:00")
        visit = self._visit("Nora", lease, "2026-05-26", "14:00")
        self.on("2026-05-26T15:30")
        self._record("Nora", visit)
        self._report("Nora", visit, "Er was koffie en taart. De woning is warm ingericht.")
        self.act(
            "Nora",
            "visits",
            f"/leases/{lease}/set-cadence",
            {"months": 4, "reason": "Drie keer per jaar is genoeg."},
            "agrees on a visit every four months",
            "spreekt een bezoek om de vier maanden af",
            expect=["CadenceSet"],
        )
        note = self.act(
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
        self.act(
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
        self.act(
            "Nora",
            "visits",
            f"/agreements/{note}/accept",
            {"on": self.today, "signed": True, "read_in_language": "nl"},
            "notes that the renter accepts",
            "noteert dat de huurder aanvaardt",
            expect=["AgreementAccepted"],
        )
        partner = self._partner("Hilde")
        self.act(
            "Hilde",
            "referrals",
            "/data-sharing-protocols",
            {"partner": partner, "from": "2026-01-01", "until": "2027-12-31", "reference": "PROT-2026-01"},
            "lists the data-sharing protocol with that partner",
            "neemt het protocol over gegevensdeling met die partner op",
        )
        referral = self.act(
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
                {"on": self.today, "scope": ["naam", "telefoonnummer"], "form": "signed"},
                "notes the renter's consent",
                "noteert de toestemming van de huurder",
                "ReferralConsentGiven",
            ),
            ("call-together", {}, "calls together with the renter", "belt samen met de huurder", "CalledTogether"),
        ):
            self.act("Nora", "referrals", f"/referrals/{referral}/{path}", body, english, dutch, expect=[event])
        self.on("2026-06-09T16:00")
        self.act(
            "Nora",
            "referrals",
            f"/referrals/{referral}/accompany",
            {"on": self.today},
            "goes along to the first appointment",
            "gaat mee naar de eerste afspraak",
            expect=["ReferralAccompanied"],
        )
        self.act(
            "Nora",
            "referrals",
            f"/referrals/{referral}/confirm-intake",
            {"on": self.today, "confirmed_by": "partner"},
            "notes that the intake took place: the referral landed",
            "noteert dat de intake doorging: de doorverwijzing is geland",
            expect=["IntakeConfirmed"],
        )
        self.on("2026-09-10T09:00")
        visit = self._visit("Nora", lease, "2026-09-22", "14:00")
        self.on("2026-09-22T15:30")
        self._record("Nora", visit)
        self.act(
            "Nora",
            "visits",
            f"/agreements/{note}/follow-up",
            {"commitment": commitment, "on": self.today, "outcome": "kept", "seen_by": PEOPLE["Nora"].id},
            "sees the folder with the letters",
            "ziet de map met de brieven",
            expect=["CommitmentFollowedUp"],
        )
        self.act(
            "Nora",
            "visits",
            f"/agreements/{note}/conclude",
            {"as": "kept", "on": self.today, "why": "De map is er, geen nieuwe aanmaningen."},
            "concludes that the agreement was kept",
            "besluit dat de afspraak nagekomen is",
            expect=["AgreementKept"],
        )
        self._report("Nora", visit, "De post is op orde. De huurder is trots, en terecht.")
        evaluation = self.act(
            "Nora",
            "evaluations",
            "/evaluations",
            {"lease": lease, "moment": visit, "outcome": "positive", "grounds": [], "why": "De afspraak is nagekomen."},
            "proposes a positive evaluation",
            "stelt een positieve evaluatie voor",
            expect=["EvaluationProposed"],
        ).id
        self.act(
            "Nora",
            "evaluations",
            f"/evaluations/{evaluation}/decide",
            {"outcome": "positive", "reasons": "De post is op orde en blijft dat."},
            "records it: good news needs no second pair of eyes",
            "legt ze vast: goed nieuws vraagt geen tweede paar ogen",
            count=True,
            expect=["EvaluationRecorded"],
        )

    def _a_third_time(self) -> None:
        self.stage.chapter(self.say("Nobody may come in", "Niemand mag binnen"))
        self.on("2026-09-28T09:00")
        visit = self._visit("Fatma", self.lease, "2026-10-12")
        self.on("2026-10-12T10:30")
        self.act(
            "Fatma",
            "visits",
            f"/visits/{visit}/access-refused",
            {"said": "Ik laat vandaag niemand binnen.", "by_whom": "renter", "reason_given": "Geen zin."},
            "records that the renter refused access at an agreed appointment",
            "legt vast dat de huurder de toegang weigerde op een afgesproken bezoek",
            expect=["AccessRefused"],
        )
        finding = self.act(
            "Fatma",
            "visits",
            "/findings",
            {
                "lease": self.lease,
                "item": "MED-01",
                "place": "voordeur",
                "what_seen": "De huurder deed open en weigerde de toegang.",
                "occurred_on": self.today,
                "source": {"kind": "visit", "visit": visit},
                "evidence": [],
            },
            "establishes a finding on MED-01",
            "doet een vaststelling op MED-01",
            expect=["FindingEstablished"],
        ).id
        self.act(
            "Fatma",
            "visits",
            f"/findings/{finding}/attribute",
            {"to": "renter", "severity": 2, "why": "Het bezoek was afgesproken en op tijd gemeld."},
            "attributes it, with a reason",
            "rekent ze toe, met een reden",
            expect=["FindingAttributed"],
        )
        self.act(
            "Fatma",
            "visits",
            f"/findings/{finding}/discuss",
            {
                "with": ["renter"],
                "on": self.today,
                "renter_said": "Ik had een slechte dag.",
                "renter_plan": "Volgende keer bel ik op voorhand.",
                "obstacles": "Geen genoemd.",
            },
            "discusses it on the phone the same day",
            "bespreekt ze dezelfde dag aan de telefoon",
            expect=["FindingDiscussed"],
        )
        self.act(
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
        evaluation = self.act(
            "Karel",
            "evaluations",
            "/evaluations",
            {
                "lease": self.lease,
                "moment": visit,
                "outcome": "negative",
                "grounds": [{"finding": finding}],
                "why": "De toegang werd geweigerd op een afgesproken bezoek.",
            },
            "proposes the evaluation himself, standing in for Fatma",
            "stelt de evaluatie zelf voor, in plaats van Fatma",
            expect=["EvaluationProposed"],
        ).id
        self.refuse(
            "Karel",
            "evaluations",
            f"/evaluations/{evaluation}/decide",
            {"outcome": "negative", "reasons": "Ik blijf bij wat ik voorstelde, het was afgesproken."},
            "self-approval",
            "tries to decide on his own proposal",
            "probeert over zijn eigen voorstel te beslissen",
        )
        self.act(
            "Wim",
            "evaluations",
            f"/evaluations/{evaluation}/decide",
            {"outcome": "negative", "reasons": "Het bezoek was twee weken vooraf gemeld en door de huurder aanvaard."},
            "decides in his place, with reasons of his own",
            "beslist in zijn plaats, met eigen redenen",
            count=True,
            expect=["EvaluationDecidedNegative"],
        )
        self._tell_the_renter(evaluation, approver="Wim", sent="2026-10-15T10:00", reached="2026-10-20T10:00")
        self.things["evaluation3"] = evaluation

    def _the_review(self) -> None:
        self.stage.chapter(
            self.say(
                "The threshold opens a review. A person decides.",
                "De drempel opent een herbeoordeling. Een mens beslist.",
            )
        )
        reviews = self.client.read(PEOPLE["Karel"], "evaluations", "/terminations", lease=self.lease)["items"]
        if len(reviews) != 1:
            raise WentWrong(f"{len(reviews)} reviews are open, instead of one")
        review = self.things["review"] = str(reviews[0]["id"])
        crossed = [entry["event"] for entry in self.timeline() if entry["type"] == "ThresholdReached"]
        if len(crossed) != 1:
            raise WentWrong(f"ThresholdReached {len(crossed)} times, instead of once")
        self.stage.saw(
            self.say(
                "The review is open; nothing else followed from the count",
                "De herbeoordeling is open; verder volgt er niets uit de teller",
            ),
            self._gates(),
        )
        self.on("2026-11-10T10:00")
        self.act(
            "Karel",
            "evaluations",
            f"/terminations/{review}/record-hearing",
            {
                "on": self.today,
                "invited_on": "2026-10-27",
                "present": ["renter", PEOPLE["Karel"].id],
                "interpreter": {"kind": "none"},
                "said": "De huurder vertelt over het nachtwerk en de ziekte van haar moeder.",
            },
            "hears the renter",
            "hoort de huurder",
            expect=["HearingHeld"],
        )
        consultation = self.act(
            "Karel",
            "referrals",
            "/ocmw-consultations",
            {"lease": self.lease, "on": self.today, "ground": "maintenance"},
            "consults the OCMW",
            "raadpleegt het OCMW",
            expect=["OcmwConsulted"],
        ).id
        self.act(
            "Karel",
            "referrals",
            f"/ocmw-consultations/{consultation}/answer",
            {"on": self.today, "answer": "Het OCMW biedt een gesprek aan."},
            "notes the answer of the OCMW",
            "noteert het antwoord van het OCMW",
            expect=["OcmwAnswered"],
        )
        grounds = [self.things["finding3"], self.things["finding2"]]
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
                {"addressees": [{"party": self.things["renter"], "checked_on": self.today}]},
                "checks the address of every addressee",
                "gaat het adres van elke geadresseerde na",
            ),
        ):
            self.act(
                name,
                "evaluations",
                f"/terminations/{review}/record-gate",
                {"gate": gate, "proof": proof},
                english,
                dutch,
            )
        self.stage.saw(
            self.say("What is still open", "Wat nog open staat"), [line for line in self._gates() if "✔" not in line]
        )

    def _the_decision(self) -> None:
        self.stage.chapter(self.say("People decide", "Mensen beslissen"))
        review = self.things["review"]
        grounds = [{"finding": self.things["finding3"]}]
        self.on("2026-11-24T10:00")
        self.refuse(
            "Fatma",
            "evaluations",
            f"/terminations/{review}/decide",
            {"outcome": "terminate", "reasons": "x" * 120, "grounds": grounds, "notice_kind": "shortcoming"},
            "not-permitted",
            "tries to decide on the termination herself",
            "probeert zelf over de beëindiging te beslissen",
        )
        self.act(
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
        self.stage.saw(self.say("All ten gates", "Alle tien de poorten"), self._gates())
        self.on("2026-12-07T10:00")
        self.act(
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
        letter = self._letter("L-09", review)
        self.act(
            "Rita",
            "notifications",
            f"/communications/{letter['id']}/approve",
            {},
            "approves the notice letter",
            "keurt de opzegbrief goed",
            expect=["CommunicationApproved"],
        )
        self.on("2026-12-09T10:00")
        self.act(
            "Tom",
            "evaluations",
            f"/terminations/{review}/post-notice",
            {
                "posted_on": self.today,
                "method": "registered_paper",
                "communications": [letter["id"]],
                "tracking": ["RR000000009BE"],
            },
            "posts the notice by registered mail",
            "doet de opzeg aangetekend op de post",
            count=True,
            expect=["NoticePosted", "NoticeDatesComputed"],
        )
        read = self.client.read(PEOPLE["Rita"], "evaluations", f"/terminations/{review}")
        notice = read["notice"]
        self.stage.saw(
            self.say("The notice, and how its dates came about", "De opzeg, en hoe haar datums tot stand kwamen"),
            [f"{step['result']}  {step['sentence']}" for step in notice["steps"]],
        )

    def _the_end(self) -> None:
        self.on("2027-05-03T09:00")
        lease = self.client.read(PEOPLE["Karel"], "visits", f"/leases/{self.lease}")
        self.stage.saw(
            self.say("Guidance went on all the while", "De begeleiding liep al die tijd door"),
            [self.say(f"the lease is {lease['state']}", f"de huur is nu: {lease['state']}")],
        )

    # -- what can be read at the end ----------------------------------------------------------------------------------

    def timeline(self, office: str = NOORD) -> list[Mapping[str, Any]]:
        """Return the timeline of the office's lease, all pages of it."""
        lease, reader = (self.lease, "Karel") if office == NOORD else (self.lease_midden, "Hilde")
        entries: list[Mapping[str, Any]] = []
        cursor: str | None = None
        while True:
            filters = {"limit": "200", **({"cursor": cursor} if cursor else {})}
            page = self.client.read(PEOPLE[reader], "evaluations", f"/dossiers/{lease}", **filters)
            entries += page["entries"]
            cursor = page.get("next")
            if not cursor:
                return entries

    def not_read_back(self, *timelines: Sequence[Mapping[str, Any]]) -> list[str]:
        """Return what was shown as recorded about the two leases, and published, but stands in no timeline.

        Of referrals a timeline holds only that one was offered; what is the office's own stands in none.
        """
        held = {(entry["event"], entry["type"]) for timeline in timelines for entry in timeline}
        shown = [
            (event["id"], event["type"])
            for path, done in self.acts
            if path.split("/")[1] not in OF_NO_LEASE and done.service != "referrals"
            for event in done.body.get("events", ())
            if event["position"]
        ]
        return [f"{type} ({id})" for id, type in shown if (id, type) not in held]

    def standing(self) -> Mapping[str, Any]:
        """Return the count of the first lease, with the reason for each evaluation."""
        return dict(self.client.read(PEOPLE["Karel"], "evaluations", f"/dossiers/{self.lease}/standing"))

    def court_file(self) -> bytes:
        """Have a file for court issued, and return its bytes."""
        issued = self.client.act(PEOPLE["Rita"], "evaluations", f"/dossiers/{self.lease}/court", {})
        if isinstance(issued, Refused):
            raise WentWrong(f"POST /dossiers/…/court: {issued.status} {issued.reason}: {issued.detail}")
        path = f"/dossiers/{self.lease}/court/{issued.id}.json"
        return self.client.read_bytes(PEOPLE["Rita"], "evaluations", path)

    def _gates(self) -> list[str]:
        read = self.client.read(PEOPLE["Karel"], "evaluations", f"/terminations/{self.things['review']}")
        return [f"{gate['gate']}  {'✔' if gate['passes'] else '·'}  {gate['why']}" for gate in read["gates"]]
