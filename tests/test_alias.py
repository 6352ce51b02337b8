"""`zmq` as another name of peromq, in processes of their own."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import peromq
from peromq import alias

ROOTS = os.pathsep.join(
    [str(Path(peromq.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
)


def python(code: str, *flags: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run code in a new interpreter that finds this peromq."""
    return subprocess.run(
        [sys.executable, *flags, "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": ROOTS, **environ},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def succeeds(code: str, *flags: str, **environ: str) -> str:
    done = python(code, *flags, **environ)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_modules_are_the_same_objects() -> None:
    succeeds(
        """
        import peromq
        peromq.install_as_zmq()
        import zmq, zmq.utils.monitor, zmq.error, zmq.constants
        from zmq.utils.monitor import parse_monitor_message
        import peromq.utils.monitor
        assert zmq is peromq
        assert zmq.utils.monitor is peromq.utils.monitor
        assert parse_monitor_message is peromq.utils.monitor.parse_monitor_message
        assert zmq.error.ZMQError is peromq.ZMQError
        with zmq.Context() as context:
            assert isinstance(context, peromq.Context)
        assert peromq.__spec__.name == peromq.__name__ == "peromq"
        assert peromq.utils.monitor.__spec__.name == "peromq.utils.monitor"
        """
    )


def test_pyzmq_s_own_places() -> None:
    """Where pyzmq keeps its classes: in type hints, and in programs that reach below."""
    succeeds(
        """
        import peromq
        peromq.install_as_zmq()
        import zmq.backend.cython, zmq.backend.select
        import zmq.sugar.socket, zmq.sugar.attrsettr, zmq.sugar.frame, zmq.sugar.version
        from zmq.backend.cython._zmq import Frame
        from zmq.sugar.context import Context
        assert zmq.sugar.socket.Socket is peromq.Socket
        assert zmq.sugar.attrsettr.AttributeSetter in peromq.Socket.__mro__
        assert Context is peromq.Context and Frame is peromq.Frame
        assert zmq.sugar.frame.Frame is peromq.Frame
        import peromq.sugar.socket, peromq.backend.cython
        assert peromq.sugar.socket is zmq.sugar.socket
        """
    )


def test_every_module_of_pyzmq_that_is_public_is_found() -> None:
    succeeds(
        """
        import importlib, peromq
        peromq.install_as_zmq()
        for name in ("decorators", "devices", "log.handlers", "ssh.tunnel", "utils.jsonapi",
                     "utils.strtypes", "utils.z85", "utils.win32", "utils.interop",
                     "utils.garbage", "utils.monitor", "curve_keygen"):
            module = importlib.import_module(f"zmq.{name}")
            assert module is importlib.import_module(f"peromq.{name}"), name
        """
    )


def test_import_zmq_first_when_nothing_of_ours_is_loaded() -> None:
    """The order of `peromq run`: the finder is there, the package is not."""
    succeeds(
        f"""
        import importlib.util, sys
        spec = importlib.util.spec_from_file_location("peromq.alias", {alias.__file__!r})
        module = sys.modules["peromq.alias"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.install_as_zmq()
        assert "peromq" not in sys.modules
        import zmq.utils.monitor
        import peromq
        assert zmq is peromq and zmq.utils.monitor is peromq.utils.monitor
        peromq.install_as_zmq()
        assert sum(type(f).__name__ == "ZmqFinder" for f in sys.meta_path) == 1
        """
    )


def test_what_we_lack_is_not_taken_from_an_installed_pyzmq() -> None:
    succeeds(
        """
        import peromq
        peromq.install_as_zmq()
        try:
            import zmq.backend.cffi
        except ModuleNotFoundError as error:
            assert error.name == "zmq.backend.cffi" and "PeroMQ" in str(error)
        else:
            raise AssertionError("found")
        """
    )


def test_after_the_real_zmq_it_is_too_late() -> None:
    pytest.importorskip("zmq")
    done = python("import zmq, peromq; peromq.install_as_zmq()")
    assert done.returncode == 1
    assert "RuntimeError: zmq was imported already, from " in done.stderr


def test_metadata_answers_without_pyzmq() -> None:
    succeeds(
        """
        import importlib.metadata as metadata, sys
        import peromq
        peromq.install_as_zmq()
        sys.path.clear()          # no pyzmq anywhere
        assert metadata.version("pyzmq") == metadata.version("PyZMQ") == "27.3.0"
        assert metadata.distribution("pyzmq").metadata["Name"] == "pyzmq"
        try:
            metadata.version("something-else")
        except metadata.PackageNotFoundError:
            pass
        """
    )


def test_metadata_of_an_installed_pyzmq_is_left_alone() -> None:
    pytest.importorskip("zmq")
    succeeds(
        """
        import importlib.metadata as metadata
        before = metadata.version("pyzmq")
        files = metadata.distribution("pyzmq").files
        import peromq
        peromq.install_as_zmq()
        assert metadata.version("pyzmq") == before
        assert metadata.distribution("pyzmq").files == files
        """
    )


CHILD = "import zmq; print(zmq.__name__)"


@pytest.mark.parametrize(("children", "name"), [(True, "peromq"), (False, "zmq")])
def test_children(children: bool, name: str) -> None:
    pytest.importorskip("zmq")
    out = succeeds(
        f"""
        import subprocess, sys, peromq
        peromq.install_as_zmq(children={children})
        subprocess.run([sys.executable, "-c", {CHILD!r}], check=True)
        """
    )
    assert out.split() == [name]


def test_children_that_are_spawned() -> None:
    out = succeeds(
        """
        import multiprocessing, os, sys, peromq
        peromq.install_as_zmq(children=True)
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            print(pool.apply(eval, ("__import__('zmq').__name__",)))
            pool.close()
            pool.join()
        """
    )
    assert out.split() == ["peromq"]
