"""What a consumer can be told, by flag or environment, in the words of `orders-plain`."""

import argparse
import logging
import os
import re
import time

UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
# All samples' queues are made in one way: a queue declared in two ways is refused by the broker.
QUEUE_ARGUMENTS = {"x-queue-type": "quorum", "x-single-active-consumer": True}


def parse(about):
    """The settings of this process, in `queue` and `routing_key` those of the pod in which it started."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    parser = argparse.ArgumentParser(description=about)

    def add(flag, default=None, kind=str, **more):
        variable = "ORDERS_" + flag.upper().replace("-", "_")
        parser.add_argument("--" + flag, default=os.environ.get(variable, default), type=kind, **more)

    add("amqp-uri")
    add("exchange", "orders")
    add("routing-key")
    add("queue", "orders.{pod}")
    add("prefetch", "50", int)
    add("work", "2ms", seconds)
    add("work-kind", "sleep", choices=["sleep", "spin"])
    add("hostname-file", "/etc/hostname")
    add("http-port", "8080", int)
    add("ballast-mb", "0", int)
    add("lame-duck", "3s", seconds)
    # With pika; aio-pika has a way of its own.
    add("reconnect", "3s", seconds)
    settings = parser.parse_args()
    if not settings.amqp_uri:
        parser.error("--amqp-uri or ORDERS_AMQP_URI is needed, such as amqp://USER:PASSWORD@HOST:5672/%2f")
    with open(settings.hostname_file, encoding="utf-8") as file:
        settings.pod = file.read().strip()
    settings.queue = settings.queue.replace("{pod}", settings.pod)
    settings.routing_key = settings.routing_key or settings.pod
    # Memory that is really there, and does not compress.
    settings.ballast = os.urandom(settings.ballast_mb << 20)
    return settings


def seconds(text):
    """`500us`, `2ms`, `1.5s`, `2m`."""
    written = re.fullmatch(r"([0-9.]+) ?(us|ms|s|m)", text.strip())
    if written is None and text.strip() != "0":
        raise argparse.ArgumentTypeError(f"`{text}` is no duration: write a number and us, ms, s or m, such as 2ms")
    return float(written[1]) * UNITS[written[2]] if written else 0.0


def spin(duration):
    """Computes for so long."""
    end = time.perf_counter() + duration
    while time.perf_counter() < end:
        pass
