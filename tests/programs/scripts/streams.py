"""tornado: a ROUTER and a DEALER as ZMQStreams in one IOLoop, a PUB for a third."""

import json

import zmq
from tornado.ioloop import IOLoop
from zmq.eventloop.zmqstream import ZMQStream

COUNT = 2000
answers: list[bytes] = []
sent: list[int] = []


def main() -> None:
    context = zmq.Context()
    loop = IOLoop()
    server = ZMQStream(context.socket(zmq.ROUTER), loop)
    port = server.bind_to_random_port("tcp://127.0.0.1")
    client = ZMQStream(context.socket(zmq.DEALER), loop)
    client.connect(f"tcp://127.0.0.1:{port}")

    def answer(parts: list[bytes]) -> None:
        server.send_multipart([parts[0], parts[1].upper()])

    def collect(parts: list[bytes]) -> None:
        answers.append(parts[0])
        if len(answers) == COUNT:
            client.flush()
            loop.stop()

    server.on_recv(answer)
    client.on_recv(collect)
    client.on_send(lambda message, status: sent.append(1))
    for number in range(COUNT):
        loop.add_callback(client.send, b"message %d" % number)
    loop.call_later(30, loop.stop)
    loop.start()
    in_order = answers == [b"MESSAGE %d" % number for number in range(COUNT)]
    client.close()
    server.close()
    loop.close()
    context.term()
    print(json.dumps({"zmq": zmq.__name__, "in_order": in_order, "sent": len(sent)}))


main()
