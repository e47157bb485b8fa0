"""The policy with which an office of the tests was founded, as the other services are told of it."""

from datetime import date

from shared.contracts.evaluations import NoticeMonths, PolicyAdoptedV1

POLICY = PolicyAdoptedV1(
    version="P-1",
    in_force_from=date(2025, 1, 1),
    founding=True,
    threshold_n=3,
    validity_months=24,
    cure_days=30,
    contest_days=30,
    contest_suspends=True,
    bad_news_sender="coordinator",
    first_visit_days=21,
    cadence_options=(1, 2, 3, 4, 6, 12),
    max_open_commitments=3,
    late_report_working_days=5,
    notice_basis="latest",
    notice_months=(NoticeMonths(kind="shortcoming", months=3), NoticeMonths(kind="property", months=6)),
    visit_announce_days=7,
    hearing_notice_days=7,
    ocmw_answer_days=14,
    parked_alarm_days=14,
    clock_skew_minutes=10,
    uses_checklist=True,
    uses_agreement_notes=True,
)
