"""Python imports this as it starts if `peromq run` or `install_as_zmq(children=True)` say so.

They put this directory on PYTHONPATH. It makes `zmq` PeroMQ and hands over to the sitecustomize
that would have been imported otherwise. PeroMQ itself is loaded when the program imports zmq.
"""

import importlib.machinery
import importlib.util
import os
import sys
from types import ModuleType

HERE = os.path.dirname(os.path.abspath(__file__))


def _load(name: str, path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _install() -> None:
    # not `import peromq.alias`: that would load all of peromq in each child
    alias = _load("peromq.alias", os.path.join(os.path.dirname(os.path.dirname(HERE)), "alias.py"))
    if os.environ.get(alias.CHILDREN) != "children":
        alias.leave(os.environ)
    alias.install_as_zmq()


def _chain() -> None:
    """Run the next sitecustomize on the path, if there is one, in our stead."""
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != HERE]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", sys.path)
    if spec is None or spec.loader is None:
        return
    module = importlib.util.module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


_install()
_chain()
