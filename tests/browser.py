"""Pages opened in a real browser: Debian's Chromium, driven by its own command line."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

CHROMIUM = shutil.which("chromium")
PHONE = 390
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--enable-logging=stderr",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip
_DARK = "--blink-settings=preferredColorScheme=0"
_TIME_S = 120.0

# Looks at each page in a frame as wide as a phone, with everything unfolded.
_PROBE = """<!doctype html><link rel="icon" href="data:,"><body><pre id="found"></pre><script>
const pages = %s, width = %d;
const within = (inner, outer) => inner.x >= outer.x - 1 && inner.x + inner.width <= outer.x + outer.width + 1
  && inner.y >= outer.y - 1 && inner.y + inner.height <= outer.y + outer.height + 1;
function broken(page) {
  const found = [], walker = page.createTreeWalker(page.body, NodeFilter.SHOW_TEXT), range = page.createRange();
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (node.parentElement.closest("code, svg, style")) continue;
    for (const word of node.data.matchAll(/[^\\s\\/-]{2,24}/g)) {
      range.setStart(node, word.index); range.setEnd(node, word.index + word[0].length);
      if (new Set([...range.getClientRects()].map(box => Math.round(box.y))).size > 1) found.push(word[0]);
    }
  }
  return found;
}
function look(frame) {
  const page = frame.contentDocument;
  page.querySelectorAll("details").forEach(one => one.open = true);
  const labels = [...page.querySelectorAll("svg text")], box = one => one.getBoundingClientRect();
  const style = name => frame.contentWindow.getComputedStyle(page.body)[name];
  return {
    width: page.documentElement.scrollWidth,
    broken: broken(page),
    cut: labels.filter(one => !within(box(one), box(one.ownerSVGElement))).map(one => one.textContent),
    small: labels.filter(one => box(one).height < 9).map(one => one.textContent),
    requests: frame.contentWindow.performance.getEntriesByType("resource").map(one => one.name),
    colours: [style("color"), style("backgroundColor")],
  };
}
addEventListener("load", () => {
  const frames = [...document.querySelectorAll("iframe")];
  document.getElementById("found").textContent = JSON.stringify(frames.map(look));
});
for (const page of pages) {
  const frame = document.createElement("iframe");
  Object.assign(frame, {src: page, width, height: 800});
  document.body.append(frame);
}
</script>"""


def opened(folder: Path, pages: Sequence[str], *, width: int = PHONE, dark: bool = False) -> dict[str, dict[str, Any]]:
    """What a browser finds in each page of a folder, served on loopback; fails where its console has an error.

    Returns:
        Per page: `width` of the document in pixels, words that are `broken` in two lines, labels of drawings that are
        `cut` or too `small` to read, `requests` for anything else, and the `colours` of text and background.
    """
    (folder / "probe.html").write_text(_PROBE % (json.dumps(list(pages)), width))
    with _served(folder) as (address, requested):
        ended = _chromium("--dump-dom", *([_DARK] if dark else []), f"{address}/probe.html")
    (folder / "probe.html").unlink()
    errors = [line for line in ended.stderr.splitlines() if "CONSOLE" in line]
    assert errors == []
    assert sorted(requested) == sorted(["/probe.html", *(f"/{page}" for page in pages)])
    found = re.search(r'<pre id="found">(.*?)</pre>', ended.stdout, re.DOTALL)
    assert found is not None and found[1], ended.stderr[-2000:]
    return dict(zip(pages, json.loads(unescape(found[1])), strict=True))


def screenshot(page: Path, picture: Path, *, width: int, height: int, dark: bool = False) -> None:
    """A picture of a page, for people."""
    size = f"--window-size={width},{height}"
    _chromium(
        f"--screenshot={picture}", size, "--hide-scrollbars", *([_DARK] if dark else []), page.absolute().as_uri()
    )


def _chromium(*arguments: str) -> subprocess.CompletedProcess[str]:
    from tempfile import TemporaryDirectory

    assert CHROMIUM is not None
    with TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        command = [CHROMIUM, *_FLAGS, f"--user-data-dir={profile}", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=_TIME_S, check=True)


@contextmanager
def _served(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """The address of a plain file server, and the paths that were asked of it."""
    requested: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            requested.append(self.path)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class names it so
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", requested
    finally:
        server.shutdown()
        server.server_close()
