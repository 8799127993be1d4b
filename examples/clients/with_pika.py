"""A consumer of orders with pika, as its examples have it: a blocking connection, manual acknowledgements, and a new
connection 3 s (`--reconnect`) after the last one was lost. It knows nothing of migrations."""

import logging
import os
import signal
import threading
import time

import pika

from orders import settings, web
from orders.state import State

log = logging.getLogger(__name__)
# It tells each step of each connection.
logging.getLogger("pika").setLevel(logging.WARNING)

ENDS = {signal.SIGTERM, signal.SIGINT}


class Consumer:
    def __init__(self, told, state):
        self._told = told
        self._state = state
        self._stopping = threading.Event()
        self._connection = None
        self._channel = None

    def run(self):
        """Consumes until told to stop; if that fails, so does the process."""
        try:
            self._run()
        except Exception:
            log.exception("the consumer failed")
            os._exit(1)

    def _run(self):
        while not self._stopping.is_set():
            try:
                self._consume()
            # A broker whose name is not known is an OSError.
            except (pika.exceptions.AMQPError, OSError) as error:
                self._state.lost(repr(error))
                self._stopping.wait(self._told.reconnect)

    def _consume(self):
        told = self._told
        with pika.BlockingConnection(pika.URLParameters(told.amqp_uri)) as connection:
            channel = connection.channel()
            channel.exchange_declare(told.exchange, exchange_type="topic", durable=True)
            channel.queue_declare(told.queue, durable=True, arguments=settings.QUEUE_ARGUMENTS)
            channel.queue_bind(told.queue, told.exchange, told.routing_key)
            channel.basic_qos(prefetch_count=told.prefetch)
            channel.basic_consume(told.queue, self._on_message)
            self._connection, self._channel = connection, channel
            self._state.connected(told.queue)
            channel.start_consuming()

    def _on_message(self, channel, method, _properties, body):
        work = settings.spin if self._told.work_kind == "spin" else time.sleep
        work(self._told.work)
        self._state.apply(body, method.redelivered)
        channel.basic_ack(method.delivery_tag)

    def stop(self):
        """To be called from another thread."""
        self._stopping.set()
        try:
            if self._connection is not None:
                self._connection.add_callback_threadsafe(self._channel.stop_consuming)
        except pika.exceptions.ConnectionWrongStateError:
            log.info("there is no connection to be closed")


def main():
    # Before any thread starts, so that the main thread alone hears them. As the first process of its pod, one that does
    # not would not even be ended by them.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
    told = settings.parse(__doc__)
    state = State(told.pod, told.queue)
    web.serve(state, told.http_port)
    consumer = Consumer(told, state)
    threading.Thread(target=consumer.run, name="consumer", daemon=True).start()
    signal.sigwait(ENDS)
    log.info("stopping: no more messages, answering requests a little longer")
    consumer.stop()
    time.sleep(told.lame_duck)


if __name__ == "__main__":
    main()
