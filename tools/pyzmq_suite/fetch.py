"""Gets the suite from PyPI."""

import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VERSION = "27.3.0"
BUILD = Path(__file__).resolve().parents[2] / "build"
WANTED = ("tests/", "pytest.ini")
"""Of the source distribution; not its `zmq`, which must not be importable."""


def fetch() -> Path:
    """The directory with pyzmq's tests, downloaded unless it is there."""
    suite = BUILD / f"pyzmq-{VERSION}-suite"
    if suite.is_dir():
        return suite
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as temporary:
        place = Path(temporary)
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
        command += ["download", "--no-deps", "--no-binary", "pyzmq", f"--dest={place}"]
        subprocess.run([*command, f"pyzmq=={VERSION}"], check=True, timeout=300)
        archive = place / f"pyzmq-{VERSION}.tar.gz"
        unpacked = place / "suite"
        top = f"pyzmq-{VERSION}/"
        with tarfile.open(archive) as tar:
            for member in tar:
                if member.name.removeprefix(top).startswith(WANTED):
                    tar.extract(member, unpacked, filter="data")
        shutil.move(unpacked / top, suite)
    return suite
