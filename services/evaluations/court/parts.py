"""Which part of the file for court shows what (domain 10.3), and on which strand a finding lies."""

from collections.abc import Mapping

PARTS: Mapping[str, frozenset[str]] = {
    "cover": frozenset(
        {
            "OfficeFounded",
            "LeaseRegistered",
            "PartyAdded",
            "PartyLeft",
            "AdministratorAppointed",
            "AdministratorEnded",
            "LandlordChanged",
            "OfficeChanged",
            "CounsellorAssigned",
        }
    ),
    "lease": frozenset(
        {
            "LeaseRegistered",
            "LeaseStarted",
            "RenterInformedOfPolicy",
            "StandstillStarted",
            "StandstillEnded",
            "HeadLeaseEnding",
            "BalanceRecorded",
            "NoticeRunning",
            "NoticeStopped",
            "LeaseEnded",
            "LeaseClosed",
        }
    ),
    "agreements": frozenset(
        {
            "AgreementDrafted",
            "AgreementProposed",
            "AgreementAccepted",
            "AgreementStarted",
            "AgreementRefused",
            "AgreementRevised",
            "AgreementKept",
            "AgreementPartlyKept",
            "AgreementBreached",
            "AgreementLapsed",
            "CommitmentDue",
            "CommitmentFollowedUp",
            "ReservationSettled",
            "FindingAgreed",
        }
    ),
    "evaluations": frozenset(
        {
            "EvaluationMomentOpened",
            "EvaluationProposed",
            "EvaluationAmended",
            "ProposalAdopted",
            "EvaluationDecidedNegative",
            "EvaluationCountRestated",
            "EvaluationNotUpheld",
            "EvaluationRecorded",
            "EvaluationCommunicated",
            "EvaluationCommunicationCorrected",
            "EvaluationWithdrawn",
            "EvaluationContested",
            "LateContestAdmitted",
            "EvaluationUpheld",
            "EvaluationAnnulled",
            "EvaluationFinal",
            "EvaluationExpired",
            "ThresholdReached",
            "ThresholdNoLongerMet",
            "ReviewDue",
        }
    ),
    "goes_well": frozenset({"ReportFixed", "EvaluationRecorded", "AgreementKept"}),
    "help_offered": frozenset({"ReferralOffered", "OcmwConsulted", "OcmwAnswered"}),
    "gates": frozenset(
        {
            "ReviewOpened",
            "AttributionChecked",
            "ProportionalityNoteWritten",
            "AddresseesChecked",
            "LandlordDutiesChecked",
            "HearingHeld",
            "HearingDeclined",
            "HearingMissed",
            "ReferralOffered",
            "OcmwConsulted",
            "OcmwAnswered",
            "OcmwToldOfClaim",
        }
    ),
    "letters": frozenset(
        {
            "CommunicationDrafted",
            "CommunicationApproved",
            "CommunicationApprovalTakenBack",
            "CommunicationSent",
            "CommunicationDelivered",
            "CommunicationNotCollected",
            "CommunicationRefused",
            "CommunicationReturned",
            "CommunicationSentAgain",
            "CommunicationDropped",
            "ProofCorrected",
            "LetterReached",
        }
    ),
    "decisions": frozenset(
        {
            "EvaluationDecidedNegative",
            "EvaluationNotUpheld",
            "EvaluationRecorded",
            "EvaluationUpheld",
            "EvaluationAnnulled",
            "TerminationProposed",
            "TerminationDecided",
            "TerminationNotPursued",
            "NoticePosted",
            "NoticeDatesComputed",
            "NoticeWithdrawn",
            "GroundsDoubtful",
            "GroundsConfirmed",
            "ClaimFiled",
            "ConciliationHeld",
            "JudgmentGiven",
            "JudgmentServed",
            "EvictionAnnounced",
            "EvictionCarriedOut",
            "MandateGiven",
            "MandateEnded",
            "MandateWasEnded",
        }
    ),
    "late_corrected_withdrawn": frozenset(
        {
            "ReportLate",
            "ReportCorrected",
            "FindingReattributed",
            "FindingMarkedMistaken",
            "FindingDateConfirmed",
            "AgreementRevised",
            "EvaluationAmended",
            "EvaluationWithdrawn",
            "EvaluationAnnulled",
            "EvaluationCommunicationCorrected",
            "LateContestAdmitted",
            "CommunicationApprovalTakenBack",
            "CommunicationDropped",
            "CommunicationReturned",
            "ProofCorrected",
            "NoticeWithdrawn",
            "GroundsDoubtful",
            "MandateWasEnded",
            "AttemptRefused",
        }
    ),
}
"""The parts that list what the timeline holds, in their order; timeline, strands and manifest are made otherwise."""

OF_THE_OFFICE = ("OfficeFounded", "PolicyAdopted", "ChecklistPublished", "MandateGiven", "MandateEnded")
"""What a file shows although it is about the office and not about the lease: by which rules, and who was entitled."""

STRANDS: Mapping[str, str] = {
    "payment": "arrears",
    "damage": "damage",
    "safety": "maintenance",
    "maintenance": "maintenance",
    "waste": "maintenance",
    "liveability": "nuisance",
    "occupancy": "occupancy",
    "cooperation": "cooperation",
}
"""The strand of each category of checklist items; the others are ``other``."""
