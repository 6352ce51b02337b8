"""The benchmark: PeroMQ against its peers, one command (``python -m bench``). See README.md."""
