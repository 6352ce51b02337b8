"""``python -m bench.workers WORKER --lib MODULE …``: one worker process."""

import faulthandler
import sys

from bench.workers import common, registry


def main() -> None:
    """Run one worker; what it lacks is told to the harness in words."""
    faulthandler.enable()
    common.live_briefly()
    options = common.parse(sys.argv[1:])
    try:
        registry.find(options.worker, options.lib)(options)
    except (common.Skipped, ImportError) as reason:
        common.say(skip=str(reason))


main()
