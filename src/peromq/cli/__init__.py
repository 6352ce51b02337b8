"""The command `peromq`."""

from .main import main as main
