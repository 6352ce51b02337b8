"""Runs pyzmq's own test-suite against PeroMQ.

    python -m tools.pyzmq_suite                     all of it; exit status 1 unless as it should be
    python -m tools.pyzmq_suite test_monitor test_poll
    python -m tools.pyzmq_suite test_socket -- -k shadow -x --tb=short     the rest is pytest's
    python -m tools.pyzmq_suite --against pyzmq     the real pyzmq, for comparison

It needs the dependency groups `test` and `compat`. The suite is fetched from PyPI when it is first
needed, into build/, and runs file by file in processes of their own, since its ports are fixed,
through `peromq run --children`, so that what it imports as `zmq` is ours in all of its processes.

exclusions.txt names what is not expected to pass, one test a line, with the reason. A test that is
not named there and fails or is skipped, and one that is named and passes, are failures.
"""
