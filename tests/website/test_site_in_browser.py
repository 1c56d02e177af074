"""The pages of a site in a real browser: a phone shows them whole, and they ask for nothing."""

from __future__ import annotations

from pathlib import Path

import browser
import pytest
from site_runs import JULY

from raytemplate.store.workspace import Workspace
from raytemplate.website.destination import open_destination
from raytemplate.website.update import update_site

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(browser.CHROMIUM is None, reason="no chromium on PATH: apt-get install chromium"),
]


def test_a_phone_shows_every_page_and_asks_for_nothing_else(workspace: Workspace, tmp_path: Path) -> None:
    with open_destination(str(tmp_path / "site")) as destination:
        update_site(workspace, destination, JULY)
    pages = ["index.html", "ledger.html", "models/flights-air-time.html", "runs/cccccc.html"]
    for page, seen in browser.opened(tmp_path / "site", pages).items():
        assert seen["width"] <= browser.PHONE, page
        found = {name: seen[name] for name in ("broken", "cut", "small", "requests")}
        assert found == {"broken": [], "cut": [], "small": [], "requests": []}, page
