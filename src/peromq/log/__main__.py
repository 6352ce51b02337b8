"""Print the log messages that a PUBHandler publishes, until Ctrl-C.

The handler's default formats name the level as its topics do; `PUBHandler.setFormatter` changes
that.
"""

from __future__ import annotations

import argparse
from datetime import datetime

import peromq as zmq

_COLORS = {
    "DEBUG": "\033[96m",
    "INFO": "\033[97m",
    "WARNING": "\033[33m",
    "ERROR": "\033[91m",
    "CRITICAL": "\033[91m",
}
_RESET = "\033[39m"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("ZMQ Log Watcher", description=__doc__)
    parser.add_argument("zmq_pub_url", help="endpoint of a PUB socket")
    parser.add_argument("-t", "--topic", default="", help="only messages of topics that begin so")
    parser.add_argument("--timestamp", action="store_true", help="begin lines with the local time")
    parser.add_argument(
        "--separator", default=" | ", help="what stands between topic and message (%(default)r)"
    )
    parser.add_argument(
        "--dateformat", default="%Y-%d-%m %H:%M", help="strftime format of --timestamp"
    )
    parser.add_argument("--align", action="store_true", help="topics in columns")
    parser.add_argument("--color", action="store_true", help="color lines by level")
    return parser


class _Layout:
    """How a message becomes a line."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.widths: list[int] = []  # of the parts of topics seen so far

    def line(self, topic: str, text: str) -> str:
        parts = topic.strip().split(".")
        level = parts[0] if len(parts) == 1 else parts[1]
        shown = self._aligned(parts) if self.options.align else ".".join(parts)
        line = f"{shown}{self.options.separator}{text.strip()}"
        if self.options.color:
            line = f"{_COLORS.get(level, '')}{line}{_RESET}"
        if self.options.timestamp:
            line = f"{datetime.now().strftime(self.options.dateformat)} {line}"
        return line

    def _aligned(self, parts: list[str]) -> str:
        parts = parts + [" "] * (len(self.widths) - len(parts))
        known = self.widths + [0] * (len(parts) - len(self.widths))
        self.widths = [max(width, len(part)) for width, part in zip(known, parts, strict=True)]
        return ".".join(part.ljust(width) for part, width in zip(parts, self.widths, strict=True))


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    options = _parser().parse_args(arguments)
    layout = _Layout(options)
    with zmq.Context() as context, context.socket(zmq.SUB) as sub:
        sub.subscribe(options.topic)
        sub.connect(options.zmq_pub_url)
        try:
            while True:
                topic, *text = (part.decode("utf-8", "replace") for part in sub.recv_multipart())
                print(layout.line(topic, " ".join(text)), flush=True)
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
