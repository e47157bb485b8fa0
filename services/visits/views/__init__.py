"""What people look at in visits, a module per kind of thing. Made of events only: built again, it is the same."""

from services.visits.views import due, figures, imports, photos
from services.visits.views.agreements import AGREEMENTS
from services.visits.views.contacts import CONTACTS
from services.visits.views.counsellors import COUNSELLORS
from services.visits.views.findings import FINDINGS
from services.visits.views.imports import IMPORTS
from services.visits.views.leases import LEASES
from services.visits.views.photos import PHOTOS
from services.visits.views.visits import VISITS

RESOURCES = (LEASES, VISITS, FINDINGS, AGREEMENTS, CONTACTS, COUNSELLORS, PHOTOS, IMPORTS)
VIEWS = (*due.VIEWS, *figures.VIEWS, *imports.VIEWS, *photos.VIEWS)
