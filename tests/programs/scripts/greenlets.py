"""gevent: workers that block in zmq.green sockets, while a timer greenlet keeps ticking."""

import json

import gevent
import zmq.green as zmq

COUNT = 3000
WORKERS = 10
ticks = 0


def tick() -> None:
    global ticks
    while True:
        gevent.sleep(0.001)
        ticks += 1


def worker(context: zmq.Context, port: int) -> None:
    socket = context.socket(zmq.REQ)
    socket.connect(f"tcp://127.0.0.1:{port}")
    for number in range(COUNT // WORKERS):
        socket.send(b"%d" % number)
        assert socket.recv() == b"%d" % (2 * number)
    socket.close()


def serve(socket: zmq.Socket) -> None:
    while True:
        peer, empty, number = socket.recv_multipart()
        socket.send_multipart([peer, empty, b"%d" % (2 * int(number))])


def main() -> None:
    context = zmq.Context()
    router = context.socket(zmq.ROUTER)
    port = router.bind_to_random_port("tcp://127.0.0.1")
    background = [gevent.spawn(tick), gevent.spawn(serve, router)]
    workers = [gevent.spawn(worker, context, port) for _ in range(WORKERS)]
    gevent.joinall(workers, timeout=30, raise_error=True)
    # one that nobody answers, given up
    silent = context.socket(zmq.PULL)
    silent.bind("inproc://silent")
    given_up = False
    try:
        with gevent.Timeout(0.05):
            silent.recv()
    except gevent.Timeout:
        given_up = True
    gevent.killall(background)
    for socket in (silent, router):
        socket.close(linger=0)
    context.term()
    done = all(one.successful() for one in workers)
    print(json.dumps({"zmq": zmq.__name__, "done": done, "ticks": ticks, "given_up": given_up}))


main()
