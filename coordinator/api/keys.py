"""Where handlers find the domain in an aiohttp application."""

from aiohttp import web

from coordinator.domain.access import PublicKeys
from coordinator.domain.deployment import Models
from coordinator.domain.jobs import Jobs
from coordinator.domain.parties import Parties
from coordinator.domain.privileges import Privileges
from coordinator.domain.serving import Serving
from coordinator.domain.table_files import TableFiles
from coordinator.domain.table_state import TableState
from coordinator.domain.tables import Tables
from coordinator.domain.tags import Tags
from coordinator.domain.tracking import Tracking
from coordinator.domain.transfer import Transfers

JOBS: web.AppKey[Jobs] = web.AppKey("jobs", Jobs)
TRACKING: web.AppKey[Tracking] = web.AppKey("tracking", Tracking)
MODELS: web.AppKey[Models] = web.AppKey("models", Models)
TRANSFERS: web.AppKey[Transfers] = web.AppKey("transfers", Transfers)
SERVING: web.AppKey[Serving] = web.AppKey("serving", Serving)
TABLES: web.AppKey[Tables] = web.AppKey("tables", Tables)
TAGS: web.AppKey[Tags] = web.AppKey("tags", Tags)
PARTIES: web.AppKey[Parties] = web.AppKey("parties", Parties)
PUBLIC_URL: web.AppKey[str] = web.AppKey("public_url", str)
BOARD: web.AppKey[str] = web.AppKey("board", str)
OLD_LISTS: web.AppKey[bool] = web.AppKey("old_lists", bool)
PRIVILEGES: web.AppKey[Privileges] = web.AppKey("privileges", Privileges)
PUBLIC_KEYS: web.AppKey[PublicKeys] = web.AppKey("public_keys", PublicKeys)
TABLE_FILES: web.AppKey[TableFiles] = web.AppKey("table_files", TableFiles)
TABLE_STATE: web.AppKey[TableState] = web.AppKey("table_state", TableState)
