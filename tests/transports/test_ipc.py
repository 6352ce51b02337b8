"""What is ipc's own: paths, their leftovers, the abstract namespace."""

import errno
import os
import socket
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from peromq.constants import IPC_PATH_MAX_LEN
from peromq.error import ZMQError
from peromq.options import Options
from peromq.transports.ipc import IpcTransport

IPC = IpcTransport()


def leave_behind(path: Path) -> None:
    """A socket file whose owner is gone."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        sock.listen()


def test_the_file_goes_with_the_listener(options: Options, tmp_path: Path) -> None:
    path = tmp_path / "s"
    listening = IPC.listen(str(path), options)
    assert path.is_socket()
    assert listening.endpoint == f"ipc://{path}"
    listening.close()
    assert not path.exists()


def test_a_relative_path_is_removed_from_wherever(
    options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    listening = IPC.listen("s", options)
    monkeypatch.chdir("/")
    listening.close()
    assert not (tmp_path / "s").exists()


def test_a_file_left_behind_is_replaced(options: Options, tmp_path: Path) -> None:
    path = tmp_path / "s"
    leave_behind(path)
    IPC.listen(str(path), options).close()


def test_a_live_path_is_not_taken_over(options: Options, tmp_path: Path) -> None:
    path = tmp_path / "s"
    listening = IPC.listen(str(path), options)
    with pytest.raises(ZMQError, match=str(path)) as caught:
        IPC.listen(str(path), options)
    assert caught.value.errno == errno.EADDRINUSE
    # The probe knocked, but what it found still works.
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(path))
    listening.close()


def test_what_is_no_socket_is_not_removed(options: Options, tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(ZMQError) as caught:
        IPC.listen(str(path), options)
    assert caught.value.errno == errno.EADDRINUSE
    assert path.read_text() == "data"


def test_a_file_that_replaced_ours_is_left_alone(options: Options, tmp_path: Path) -> None:
    path = tmp_path / "s"
    listening = IPC.listen(str(path), options)
    os.rename(path, tmp_path / "moved")
    path.write_text("someone else's")
    listening.close()
    assert path.exists()


def test_a_file_already_gone_is_no_problem(options: Options, tmp_path: Path) -> None:
    path = tmp_path / "s"
    listening = IPC.listen(str(path), options)
    path.unlink()
    listening.close()


def test_the_wildcard_makes_and_removes_a_directory(
    options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    listening = IPC.listen("*", options)
    path = Path(listening.endpoint.removeprefix("ipc://"))
    assert path.is_socket()
    assert path.parent.parent == tmp_path
    listening.close()
    assert list(tmp_path.iterdir()) == []


def test_an_abstract_name_leaves_no_file(options: Options) -> None:
    name = f"@peromq-test-{os.getpid()}"
    listening = IPC.listen(name, options)
    assert listening.endpoint == f"ipc://{name}"
    assert IPC.endpoint_of(listening.sock) == f"ipc://{name}"
    with pytest.raises(ZMQError) as caught:
        IPC.listen(name, options)
    assert caught.value.errno == errno.EADDRINUSE
    target = IPC.target(name, options)
    sock, status = target.dial(target.routes()[0])
    assert status == 0
    sock.close()
    listening.close()


@pytest.mark.parametrize("address", ["@", "a\0b"])
def test_bad_names(options: Options, address: str) -> None:
    for use in (IPC.listen, IPC.target):
        with pytest.raises(ZMQError) as caught:
            use(address, options)
        assert caught.value.errno == errno.EINVAL


@pytest.mark.parametrize("first", ["/", "@"])
def test_the_limit_of_a_path_is_told(options: Options, first: str) -> None:
    for use in (IPC.listen, IPC.target):
        with pytest.raises(ZMQError, match=str(IPC_PATH_MAX_LEN)) as caught:
            use(first.ljust(IPC_PATH_MAX_LEN + 1, "x"), options)
        assert caught.value.errno == errno.ENAMETOOLONG


def test_the_longest_path_serves(options: Options, tmp_path: Path) -> None:
    IPC.listen(f"{tmp_path}/".ljust(IPC_PATH_MAX_LEN, "x"), options).close()


def test_a_missing_directory_is_enoent(options: Options, tmp_path: Path) -> None:
    with pytest.raises(ZMQError, match="no directory") as caught:
        IPC.listen(f"{tmp_path}/missing/s", options)
    assert caught.value.errno == errno.ENOENT


def test_octets_that_are_no_text_survive(options: Options, tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
    listening = IPC.listen(path, options)
    assert IPC.endpoint_of(listening.sock) == listening.endpoint
    listening.close()


@pytest.mark.parametrize(
    ("which", "own", "stranger"),
    [
        ("ipc_filter_pid", os.getpid(), 1),
        ("ipc_filter_uid", os.getuid(), os.getuid() + 1),
        ("ipc_filter_gid", os.getgid(), os.getgid() + 1),
    ],
)
def test_filters_know_the_peer(options: Options, which: str, own: int, stranger: int) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert IPC.peer_address(ours) == f":{os.getuid()}:{os.getgid()}:{os.getpid()}"
        setattr(options, which, (stranger,))
        assert not IPC.admits(ours, options)
        setattr(options, which, (stranger, own))
        assert IPC.admits(ours, options)


def test_a_group_counts_its_members(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in libzmq: also those whose own group is another."""
    import grp
    import pwd

    members = {4711: ["somebody"], 4712: ["me"]}
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: SimpleNamespace(pw_name="me"))
    monkeypatch.setattr(grp, "getgrgid", lambda gid: SimpleNamespace(gr_mem=members[gid]))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        options.ipc_filter_gid = (4711, 9999)
        assert not IPC.admits(ours, options)
        options.ipc_filter_gid = (9999, 4712)
        assert IPC.admits(ours, options)
        monkeypatch.setattr(pwd, "getpwuid", lambda uid: {}[uid])
        assert not IPC.admits(ours, options)
