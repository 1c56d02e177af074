"""The file of each page of a site, and the links to it: relative, so that any folder and any file server will do."""

from urllib.parse import quote

from raytemplate.reports.history import RunRow

INDEX, LEDGER = "index.html", "ledger.html"
MODELS, RUNS = "models/", "runs/"


def run_file(run_id: str) -> str:
    """The file of a run's page."""
    return f"{RUNS}{quote(run_id, safe='')}.html"


def model_file(name: str) -> str:
    """The file of a model's page. A name is quoted: one from an edited record may hold anything."""
    return f"{MODELS}{quote(name, safe='')}.html"


def run_link(row: RunRow | str) -> str:
    """The link to a run's page."""
    return quote(run_file(row if isinstance(row, str) else row.run_id))


def model_link(name: str) -> str:
    """The link to a model's page."""
    return quote(model_file(name))
