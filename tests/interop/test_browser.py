"""A page in a real browser subscribes to a publisher over ws, in JavaScript without a library.

Browsers offer tokens only (RFC 9110), and "ZWS2.0/NULL" is none: they do without a mechanism.
"""

from __future__ import annotations

import contextlib
import json
import queue
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import AGAINST_LIBZMQ, kill_and_reap, last_endpoint

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
PATIENCE = 40.0  # seconds for a browser to start

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(150),
    pytest.mark.no_sanitizer,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium here: `apt-get install chromium`"),
    pytest.mark.skipif(AGAINST_LIBZMQ, reason="libzmq's wheels have no ws"),
]

PAGE = """<!doctype html><title>weather</title><script>
const MORE = 1;
const text = bytes => new TextDecoder().decode(bytes);
const frame = (flags, ...parts) => {
  const body = parts.flatMap(p => typeof p === "string" ? [...new TextEncoder().encode(p)] : p);
  return new Uint8Array([flags, ...body]);
};
const report = what => fetch("/report", {method: "POST", body: JSON.stringify(what)});
const socket = new WebSocket("ENDPOINT", ["ZWS2.0"]);
socket.binaryType = "arraybuffer";
let parts = [];
const messages = [];
let greeted = false;
socket.onopen = () => {
  socket.send(frame(0));  // our routing id: none
  socket.send(frame(0, [1], "weather"));
};
socket.onmessage = event => {
  const data = new Uint8Array(event.data);
  if (!greeted) {  // theirs
    greeted = true;
    return;
  }
  parts.push(text(data.slice(1)));
  if (data[0] & MORE) return;
  messages.push(parts);
  parts = [];
  if (messages.length == COUNT) socket.close(1000);
};
socket.onclose = event => report({messages, code: event.code, clean: event.wasClean,
  protocol: socket.protocol, extensions: socket.extensions});
</script>"""


@contextlib.contextmanager
def served(page: str) -> Iterator[tuple[str, queue.Queue[Any]]]:
    """The page's address, and what it reports."""
    reports: queue.Queue[Any] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(page.encode())

        def do_POST(self) -> None:
            reports.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.answer(b"")

        def answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/", reports
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def browser(address: str, profile: Path) -> Iterator[None]:
    """A headless browser that shows a page."""
    assert BROWSER is not None
    switches = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    switches += ["--no-first-run", "--disable-background-networking", "--disable-extensions"]
    process = subprocess.Popen(
        [BROWSER, *switches, f"--user-data-dir={profile}", "--remote-debugging-port=0", address],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        kill_and_reap(process)


def test_a_page_subscribes(sock: Any, tmp_path: Path) -> None:
    pub = sock("XPUB", bind="ws://127.0.0.1:*/feed")
    pub.rcvtimeo = int(PATIENCE * 1000)
    sent = [["weather", "rain", ""], ["weather", "x" * 200], ["weather: größer", "y" * 70_000]]
    page = PAGE.replace("ENDPOINT", last_endpoint(pub)).replace("COUNT", str(len(sent)))
    with served(page) as (address, reports), browser(address, tmp_path):
        assert pub.recv() == b"\1weather"
        pub.send_multipart([b"sports", b"not asked for"])
        for parts in sent:
            pub.send_multipart([part.encode() for part in parts])
        report = reports.get(timeout=PATIENCE)
        assert report == {
            "messages": sent,
            "code": 1000,
            "clean": True,
            "protocol": "ZWS2.0",
            "extensions": "",
        }
        assert pub.recv() == b"\0weather"  # it has left
