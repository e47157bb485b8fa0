"""What people look at, a module per kind of thing. Made of events only: thrown away and built again, it is the same."""

from services.evaluations.views import evaluations, leases, terminations
from services.evaluations.views.evaluations import EVALUATIONS, contest_terms_over, show_evaluation
from services.evaluations.views.figures import (
    communicated_in,
    contests_decided,
    evictions,
    reviews_closed,
    running_leases,
)
from services.evaluations.views.holds import HOLDS
from services.evaluations.views.lease_files import (
    as_file,
    files_that_time_can_change,
    files_with_evaluations,
    read_file,
    whole_file,
)
from services.evaluations.views.ledger import entry_of_event, events_after
from services.evaluations.views.moments import MOMENTS
from services.evaluations.views.terminations import TERMINATIONS, show_termination

__all__ = [
    "EVALUATIONS",
    "HOLDS",
    "MOMENTS",
    "RESOURCES",
    "TERMINATIONS",
    "VIEWS",
    "as_file",
    "communicated_in",
    "contest_terms_over",
    "contests_decided",
    "entry_of_event",
    "events_after",
    "evictions",
    "files_that_time_can_change",
    "files_with_evaluations",
    "read_file",
    "reviews_closed",
    "running_leases",
    "show_evaluation",
    "show_termination",
    "whole_file",
]

RESOURCES = (MOMENTS, EVALUATIONS, TERMINATIONS, HOLDS)
VIEWS = (*evaluations.VIEWS, *terminations.VIEWS, *leases.VIEWS)
