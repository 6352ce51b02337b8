"""The leak check sees what it is there to see."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.no_sanitizer, pytest.mark.slow]

ROOT = Path(__file__).resolve().parent.parent


def outcome(tmp_path: Path, body: str, settle: float = 0.05) -> str:
    """Run a test file of its own under our conftest, with a settling time of its own."""
    conftest = (ROOT / "tests" / "conftest.py").read_text(encoding="utf-8")
    (tmp_path / "conftest.py").write_text(conftest.replace("SETTLE = 15.0", f"SETTLE = {settle}"))
    (tmp_path / "test_it.py").write_text(body)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    run = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=50, check=False
    )
    return run.stdout


def test_a_leaked_descriptor_fails(tmp_path: Path) -> None:
    text = outcome(tmp_path, "import os\n\ndef test_it():\n    os.pipe()\n")
    assert "left behind: descriptor" in text
    assert "pipe:" in text


def test_a_leaked_thread_fails(tmp_path: Path) -> None:
    body = (
        "import threading\n\ndef test_it():\n"
        "    threading.Thread(target=threading.Event().wait, args=(20,), daemon=True).start()\n"
    )
    assert "left behind: thread" in outcome(tmp_path, body)


def test_a_tidy_test_passes(tmp_path: Path) -> None:
    body = (
        "import os, threading\n\ndef test_it():\n"
        "    a, b = os.pipe()\n    os.close(a)\n    os.close(b)\n"
        "    thread = threading.Thread(target=int)\n    thread.start()\n    thread.join()\n"
    )
    assert "1 passed" in outcome(tmp_path, body, 20.0)  # the kernel's thread may go a bit later


def test_the_reserved_port_is_refused_then_bindable(tcp_port: int) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", tcp_port), timeout=5)
    with socket.create_server(("127.0.0.1", tcp_port)):  # SO_REUSEADDR, as our listeners
        socket.create_connection(("127.0.0.1", tcp_port), timeout=5).close()


def test_ipc_paths_are_short(ipc_path: Path) -> None:
    assert len(os.fsencode(ipc_path)) <= 107
