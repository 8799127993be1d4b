"""A consumer of orders with aio-pika, as its examples have it: `connect_robust` does all that a lost connection asks for, at
the interval that the library thinks right. It knows nothing of migrations."""

import asyncio
import logging
import signal

import aio_pika

from orders import settings, web
from orders.state import State

log = logging.getLogger(__name__)


class Consumer:
    def __init__(self, told, state):
        self._told = told
        self._state = state
        # The library hands out all that was delivered at once; orders are worked on one after the other.
        self._turn = asyncio.Lock()

    async def run(self, stop):
        """Consumes until told to stop."""
        told = self._told
        connection = await aio_pika.connect_robust(told.amqp_uri)
        async with connection:
            channel = await connection.channel()
            await channel.set_qos(prefetch_count=told.prefetch)
            exchange = await channel.declare_exchange(told.exchange, aio_pika.ExchangeType.TOPIC, durable=True)
            queue = await channel.declare_queue(told.queue, durable=True, arguments=settings.QUEUE_ARGUMENTS)
            await queue.bind(exchange, told.routing_key)
            connection.close_callbacks.add(self._on_loss)
            connection.reconnect_callbacks.add(self._on_reconnect)
            tag = await queue.consume(self._on_message)
            self._state.connected(told.queue)
            await stop.wait()
            await queue.cancel(tag)
            # Behind all that was delivered before.
            async with self._turn:
                log.info("all that was delivered is applied")

    async def _on_message(self, message):
        async with message.process(requeue=True), self._turn:
            if self._told.work_kind == "spin":
                settings.spin(self._told.work)
            else:
                await asyncio.sleep(self._told.work)
            self._state.apply(message.body, message.redelivered)

    def _on_loss(self, _connection, why):
        self._state.lost(repr(why))

    def _on_reconnect(self, _connection):
        self._state.connected(self._told.queue)


async def main():
    told = settings.parse(__doc__)
    stop = asyncio.Event()
    # As the first process of its pod, one without such a handler would not even be ended by them.
    for end in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(end, stop.set)
    state = State(told.pod, told.queue)
    web.serve(state, told.http_port)
    # If the consumer fails, so does the process.
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(Consumer(told, state).run(stop))
        await stop.wait()
        log.info("stopping: no more messages, answering requests a little longer")
        await asyncio.sleep(told.lame_duck)


if __name__ == "__main__":
    asyncio.run(main())
