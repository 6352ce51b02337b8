"""`zmq` as another name of this package, for programs that say `import zmq`.

Loading this module loads nothing else of the package: `cli/bootstrap` does so in every child.
"""

from __future__ import annotations

import importlib
import os
import sys
from importlib.machinery import ModuleSpec

TYPE_CHECKING = False  # `typing` would be the dearest of these imports
if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping, Sequence
    from types import CodeType, ModuleType
    from typing import Any

ALIAS, TARGET = "zmq", "peromq"

CHILDREN = "PEROMQ_AS_ZMQ"
"""Environment variable of `peromq run`: "children" if children are to have our zmq, too."""

BOOTSTRAP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cli", "bootstrap")
"""On PYTHONPATH, it makes an interpreter start with our zmq."""

PLACES = {
    "zmq.sugar.attrsettr": "peromq.attributes",
    "zmq.sugar.context": "peromq.context",
    "zmq.sugar.poll": "peromq.poll",
    "zmq.sugar.socket": "peromq.socket",
    "zmq.sugar.stopwatch": "peromq.stopwatch",
    "zmq.sugar.tracker": "peromq.tracker",
    "zmq.sugar.version": "peromq.version",
    "zmq.sugar.frame": "peromq.backend",
    "zmq.backend.select": "peromq.backend",
    "zmq.backend.cython": "peromq.backend",
    "zmq.backend.cython._zmq": "peromq.backend",
}
"""pyzmq's modules that have another place here. All others have the same."""


def place_of(name: str) -> str:
    """Our module for one of pyzmq's: `zmq.utils.monitor` is `peromq.utils.monitor`."""
    return PLACES.get(name) or TARGET + name.removeprefix(ALIAS)


class ZmqFinder:
    """Finds `zmq` and all below it in this package."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != ALIAS and not fullname.startswith(f"{ALIAS}."):
            return None
        from importlib.util import find_spec  # not above: `import peromq` shall be quick

        place = place_of(fullname)
        try:
            spec = find_spec(place)
        except ModuleNotFoundError:
            spec = None
        if spec is None:
            # not None: a pyzmq that is installed must not lend parts of itself
            raise ModuleNotFoundError(
                f"No module named {fullname!r} (zmq is PeroMQ here, which has no {place})",
                name=fullname,
            )
        is_package = spec.submodule_search_locations is not None or place in PLACES.values()
        loader: Any = ZmqLoader(place, spec)
        alias = ModuleSpec(fullname, loader, origin=spec.origin, is_package=is_package)
        if spec.submodule_search_locations is not None:
            alias.submodule_search_locations = spec.submodule_search_locations
        return alias


class ZmqLoader:
    """Gives the very module object of our name, so that classes are the same under both."""

    def __init__(self, place: str, spec: ModuleSpec) -> None:
        self.place = place
        self.own_spec = spec

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self.place)
        self.own_spec = module.__spec__ or self.own_spec
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.own_spec  # the import system has put the alias's there

    # for `python -m zmq.log`

    def get_code(self, fullname: str) -> CodeType | None:
        loader: Any = self.own_spec.loader
        code: CodeType | None = loader.get_code(self.place)
        return code

    def get_source(self, fullname: str) -> str | None:
        loader: Any = self.own_spec.loader
        source: str | None = loader.get_source(self.place)
        return source

    def is_package(self, fullname: str) -> bool:
        return self.own_spec.submodule_search_locations is not None


class PyzmqMetadata:
    """Answers `importlib.metadata.version("pyzmq")` where no pyzmq is installed."""

    def find_spec(self, *args: object) -> None:
        return None

    def find_distributions(self, context: Any = None) -> Iterator[Any]:
        if context is not None and context.name is not None and context.name.lower() == "pyzmq":
            yield _stand_in()


def _stand_in() -> Any:
    from importlib.metadata import Distribution
    from pathlib import Path

    from .version import pyzmq_version

    class StandIn(Distribution):
        def read_text(self, filename: str) -> str | None:
            if filename == "METADATA":
                return f"Metadata-Version: 2.1\nName: pyzmq\nVersion: {pyzmq_version()}\n"
            return None

        def locate_file(self, path: str | os.PathLike[str]) -> Any:
            return Path(__file__).parent / path

    return StandIn()


def install_as_zmq(*, children: bool = False) -> None:
    """Make `zmq` and all its submodules ours in this process, whether or not pyzmq is installed.

    To be called before anything imports zmq: RuntimeError if pyzmq is loaded already. Idempotent.
    children: in Python programs started from here as well, by way of PYTHONPATH; not in those
    started with -I, -E or -S, which ignore it.
    """
    loaded = sys.modules.get(ALIAS)
    if loaded is not None and loaded is not sys.modules.get(TARGET):
        where = getattr(loaded, "__file__", None) or "somewhere unknown"
        raise RuntimeError(
            f"zmq was imported already, from {where}: call install_as_zmq() before any import of it"
        )
    if not any(isinstance(finder, ZmqFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, ZmqFinder())
        sys.meta_path.append(PyzmqMetadata())
    if children:
        enter(os.environ)
        os.environ[CHILDREN] = "children"


def enter(environ: MutableMapping[str, str]) -> None:
    """Put the bootstrap directory first on an environment's PYTHONPATH."""
    entries = [entry for entry in environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    if BOOTSTRAP not in entries:
        environ["PYTHONPATH"] = os.pathsep.join([BOOTSTRAP, *entries])


def leave(environ: MutableMapping[str, str]) -> None:
    """Undo `enter`."""
    entries = environ.get("PYTHONPATH", "").split(os.pathsep)
    kept = [entry for entry in entries if entry and entry != BOOTSTRAP]
    if kept:
        environ["PYTHONPATH"] = os.pathsep.join(kept)
    else:
        environ.pop("PYTHONPATH", None)
    environ.pop(CHILDREN, None)


__all__ = ["install_as_zmq"]
