"""`python -m examples.demo`: the tour. Exit status 1 if a task was lost."""

import argparse
import sys
from importlib.util import find_spec
from subprocess import CalledProcessError, TimeoutExpired

from .director import Accounts, Director
from .screen import Screen, make_screen
from .speed import measure

HAVE_PYZMQ = find_spec("zmq") is not None


def play(director: Director, screen: Screen, seconds: float) -> Accounts:
    """The story, in `seconds`."""
    act = seconds / 6
    screen.say("a ventilator, a sink and three workers start, each a process")
    director.start_pipeline(["peromq", "peromq", "zmq" if HAVE_PYZMQ else "peromq"])
    if HAVE_PYZMQ:
        screen.say("worker-3 runs on pyzmq: on the wire nobody can tell")
    director.run_for(2 * act)

    director.kill("worker-2")
    screen.say("worker-2 is killed (SIGKILL): the tasks it had are gone with it")
    screen.say("the ventilator still has them on its books and sends them again after 1 s")
    director.run_for(act)
    director.revive("worker-2")
    screen.say("worker-2 is back, as a new process")
    director.run_for(act)

    director.order("ventilator", "close the door")
    screen.say("the ventilator unbinds its port: every connection and what was on it is gone")
    director.run_for(0.5)
    director.order("ventilator", "open the door")
    screen.say("it binds again: the workers' sockets reconnect by themselves")
    director.run_for(2 * act - 0.5)

    screen.say("no more new tasks; waiting for the last acknowledgement")
    return director.finish()


def print_accounts(accounts: Accounts) -> None:
    print()
    print(f"  tasks sent         {accounts.created:>10,}")
    print(f"  sent again         {accounts.resent:>10,}   not acknowledged within 1 s")
    print(f"  results received   {accounts.received:>10,}   each task counted once")
    print(f"  duplicates         {accounts.duplicates:>10,}   done twice, counted once")
    print(f"  lost               {accounts.lost:>10,}")
    if not accounts.complete:
        print("  NOT COMPLETE: one end of the pipeline did not report")
    elif accounts.sent_checksum != accounts.received_checksum:
        print("  WRONG RESULTS: the checksums of both ends differ")


def print_speed(seconds: float) -> None:
    contestants = [("peromq", "peromq", False), ("peromq, send_many/recv_many", "peromq", True)]
    if HAVE_PYZMQ:
        contestants.append(("pyzmq", "zmq", False))
    print(f"\n  PUSH to PULL, tcp, 100 octets, two processes, {seconds:g} s each:", flush=True)
    for title, library, batched in contestants:
        try:
            rate = f"{measure(library, seconds, batched=batched):>10,.0f} messages/s"
        except (CalledProcessError, TimeoutExpired) as error:
            rate = f"    failed: {error}"
        print(f"    {title:28} {rate}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m examples.demo", description=__doc__)
    parser.add_argument("--seconds", type=float, default=12.0, help="length of the story (12)")
    parser.add_argument("--speed", type=float, default=1.5, help="seconds per library; 0: skip")
    options = parser.parse_args()

    screen = make_screen()
    with screen, Director(screen) as director:
        accounts = play(director, screen, options.seconds)
    print_accounts(accounts)
    if options.speed > 0:
        print_speed(options.speed)
    return 0 if accounts.balanced else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
