"""A guided tour: a pipeline of several processes that loses a worker and its network, but no task.

`python -m examples.demo` (or `make demo`) runs it in under half a minute.

    ventilator.py  hands out tasks, keeps each on its books until it is acknowledged
    worker.py      does them; one of the workers runs on pyzmq
    sink.py        collects results, acknowledges them
    director.py    starts these, kills and revives, and does the final sums
    station.py     what they share: a status feed, an ear for the director
    speed.py       PUSH to PULL against pyzmq
    screen.py      shows it all
"""
