"""A real browser without a screen: what it makes of a page, in pictures and in measures."""

from __future__ import annotations

import html
import json
import re
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
    "--force-device-scale-factor=1",
)  # fmt: skip
_LIMIT_S = 120.0
SCHEMES = {"dark": 0, "light": 1}  # values of the browser's own preferredColorScheme

# measures a page in a frame of a given width: the frame's page itself may run no script
_RULER = """<!DOCTYPE html><body style="margin:0"><iframe id="f" style="border:0;width:WIDTHpx;height:900px"></iframe>
<pre id="result"></pre><script>
const frame = document.getElementById("f");
frame.onload = () => {
  const inside = frame.contentDocument, root = inside.documentElement;
  const clipped = (item) => item && (item.closest(".scroll") !== null || item.closest("svg") !== null);
  const wide = [...inside.body.querySelectorAll("*")].filter(
    (item) => !clipped(item) && item.getBoundingClientRect().right > root.clientWidth + 0.5);
  const shown = [...inside.querySelectorAll("svg.chart")].filter((item) => item.getClientRects().length > 0);
  const size = (item) => parseFloat(frame.contentWindow.getComputedStyle(item).fontSize)
    * item.getBoundingClientRect().height / item.getBBox().height;
  document.getElementById("result").textContent = JSON.stringify({
    client: root.clientWidth, scroll: root.scrollWidth, wide: wide.map((item) => item.outerHTML.slice(0, 80)),
    fetched: frame.contentWindow.performance.getEntriesByType("resource").map((entry) => entry.name),
    charts: shown.map((item) => item.classList[1]),
    text_px: Math.min(...shown.flatMap((item) => [...item.querySelectorAll("text.tick")].map(size))),
    background: frame.contentWindow.getComputedStyle(inside.body).backgroundColor,
  });
};
frame.src = "page.html";
</script></body>"""


class Browser:
    """A browser's program; every use is a process of its own with an empty profile."""

    def __init__(self, program: Path) -> None:
        self.program = program

    def _run(self, *words: str) -> str:
        with tempfile.TemporaryDirectory(prefix="ntorc-browser-", ignore_cleanup_errors=True) as profile:
            done = subprocess.run(
                [str(self.program), *_FLAGS, f"--user-data-dir={profile}", *words],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_LIMIT_S, check=True,
            )  # fmt: skip
        return done.stdout

    def picture(self, page: Path, target: Path, width: int, height: int, scheme: str) -> np.ndarray:
        """A screenshot, [height, width, 3] in 0..1."""
        from PIL import Image

        self._run(
            f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}",
            f"--window-size={width},{height}",
            f"--screenshot={target}",
            page.as_uri(),
        )
        with Image.open(target) as shown:
            return np.asarray(shown.convert("RGB"), dtype=np.float64) / 255.0

    def measure(self, page: str, width: int, scheme: str = "light") -> tuple[dict[str, object], list[str]]:
        """What the page measures in a frame of this width, and every path that it asked its server for."""
        pages = {"/ruler.html": _RULER.replace("WIDTH", str(width)), "/page.html": page}
        with _serving(pages) as (port, asked):
            dump = self._run(
                f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}",
                "--virtual-time-budget=5000",
                "--dump-dom",
                f"http://127.0.0.1:{port}/ruler.html",
            )
        found = re.search(r'<pre id="result">(.+?)</pre>', dump, re.DOTALL)
        assert found is not None, f"the page was not measured:\n{dump[-2000:]}"
        measured: dict[str, object] = json.loads(html.unescape(found.group(1)))
        return measured, asked


@contextmanager
def _serving(pages: Mapping[str, str]) -> Iterator[tuple[int, list[str]]]:
    """These pages on a port of this machine, and the list of what is asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            content = pages.get(self.path)
            self.send_response(200 if content is not None else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write((content or "").encode())

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing: the list is the record."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1], asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
