"""`peromq run` is Python's command line, with zmq being peromq."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import peromq

PACKAGES = str(Path(peromq.__file__).parent.parent)
SHOW = """
import json, os, sys, zmq
print(json.dumps([zmq.__name__, sys.argv, __name__, sys.path[0], os.environ.get("PYTHONPATH"),
                  globals().get("__file__"), sys.flags.dev_mode]))
"""


def run(
    *words: str, cwd: Path | None = None, path: str = PACKAGES
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "peromq", "run", *words],
        env={**os.environ, "PYTHONPATH": path},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def shown(*words: str, cwd: Path | None = None) -> list[object]:
    done = run(*words, cwd=cwd)
    assert done.returncode == 0, done.stderr
    found: list[object] = json.loads(done.stdout)
    return found


def test_a_script(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SHOW)
    assert shown(str(script), "-m", "--children", "x") == [
        "peromq",
        [str(script), "-m", "--children", "x"],
        "__main__",
        str(tmp_path),
        PACKAGES,  # the environment is as it was
        str(script),
        False,
    ]


def test_a_module(tmp_path: Path) -> None:
    (tmp_path / "showing.py").write_text(SHOW)
    name, argv, main, first, *_ = shown("-m", "showing", "--help", cwd=tmp_path)
    assert (name, main, first) == ("peromq", "__main__", str(tmp_path))
    assert argv == [str(tmp_path / "showing.py"), "--help"]


def test_code_and_options_of_python(tmp_path: Path) -> None:
    found = shown("-X", "dev", "-c", SHOW, "-c", "x", cwd=tmp_path)
    assert found[:4] == ["peromq", ["-c", "-c", "x"], "__main__", ""]
    assert found[6] is True


def test_modules_of_ours_under_pyzmq_s_name() -> None:
    done = run("-m", "zmq.curve_keygen", "--help")
    assert done.returncode == 0, done.stderr
    assert "curve_keygen" in done.stdout


def test_exit_codes() -> None:
    assert run("-c", "import sys; sys.exit(7)").returncode == 7
    assert run("-c", "raise SystemExit('no')").returncode == 1
    assert run("/does/not/exist.py").returncode == 2
    killed = run("-c", "import os, signal; os.kill(os.getpid(), signal.SIGTERM)")
    assert killed.returncode == -signal.SIGTERM


@pytest.mark.parametrize(
    ("words", "names"), [((), ["peromq", "zmq"]), (("--children",), 2 * ["peromq"])]
)
def test_children(words: tuple[str, ...], names: list[str]) -> None:
    pytest.importorskip("zmq")
    code = "import zmq; print(zmq.__name__, flush=True)"
    parent = f"{code}; import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"
    assert run(*words, "-c", parent).stdout.split() == names


def test_children_of_children() -> None:
    code = "import zmq; print(zmq.__name__)"
    middle = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {middle!r}])"
    assert run("--children", "-c", outer).stdout.split() == ["peromq"]


def test_another_sitecustomize_still_runs(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.custom = __file__")
    code = "import sys, sitecustomize; print(sys.custom, sitecustomize.__file__)"
    done = run("-c", code, path=os.pathsep.join([str(tmp_path), PACKAGES]))
    assert done.stdout.split() == 2 * [str(tmp_path / "sitecustomize.py")], done.stderr


def test_peromq_is_loaded_when_it_is_wanted() -> None:
    assert run("-c", "import sys; print('peromq' in sys.modules)").stdout.strip() == "False"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "what is to be run?"),
        (("--children",), "what is to be run?"),
        (("-I", "-c", "pass"), "-I cannot be combined with run"),
        (("-bE", "-c", "pass"), "-E cannot be combined with run"),
        (("-X", "dev", "-S", "x.py"), "-S cannot be combined with run"),
    ],
)
def test_bad_usage(words: tuple[str, ...], message: str) -> None:
    done = run(*words)
    assert done.returncode == 2
    assert message in done.stderr


def test_what_looks_like_a_refused_option_but_is_the_program_s() -> None:
    done = run("-W", "ignore::UserWarning", "-c", "import sys; print(sys.argv)", "-I")
    assert done.stdout.strip() == "['-c', '-I']", done.stderr
