"""The whole memory of a consumer, which is its worth, and where it stands. What `/state` answers.

The JSON is that of examples/orders (src/state/snapshot.rs, src/consumer/shared.rs), so that one oracle judges both.
"""

import json
import logging
import threading
import time
from hashlib import sha256

from .book import Book, plain, summed
from .position import Pauses, Position

log = logging.getLogger(__name__)

NUMBER = "number"
SIDES = ("buy", "sell")
# What each action must say besides its name.
FIELDS = {
    "place": {"symbol": str, "side": SIDES, "quantity": NUMBER, "price": NUMBER},
    "fill": {"order": NUMBER, "quantity": NUMBER},
    "cancel": {"order": NUMBER},
}


def now_ms():
    return time.time_ns() // 1_000_000


class Publisher:
    """What is known of one publisher."""

    def __init__(self):
        self.position = Position()
        self.chain = bytes(32)
        self.book = Book()

    def snapshot(self):
        own = {"chain": self.chain.hex(), "totals": plain(self.book.totals), "book": self.book.snapshot()}
        return self.position.snapshot() | own


class State:
    """Everything is kept for each publisher, since a broker promises order only within one publisher's channel."""

    def __init__(self, pod, primary_queue):
        # Requests are answered in threads of their own.
        self._lock = threading.Lock()
        self._publishers = {}
        self._applied = 0
        self._rejected = 0
        self._redelivered = 0
        self._pauses = Pauses()
        self._lost_at = None
        self._standing = {
            "pod": pod,
            "primaryQueue": primary_queue,
            "queue": None,
            "replaying": False,
            "controlQueue": None,
            "generation": 0,
            "lastReconnectMs": None,
            "lastLoss": None,
            "startedAtMs": now_ms(),
        }

    def apply(self, body, redelivered):
        """Applies a message as it was delivered, duplicates included."""
        with self._lock:
            self._redelivered += redelivered
            try:
                message = decoded(body)
            except ValueError as error:
                self._rejected += 1
                log.warning("message is not an order: %s", error)
                return
            self._applied += 1
            self._pauses.applied_at(now_ms())
            publisher = self._publishers.setdefault(message["publisher"], Publisher())
            publisher.position.advance(message["seq"])
            publisher.chain = sha256(publisher.chain + body).digest()
            publisher.book.apply(message["seq"], message)

    def connected(self, queue):
        """The queue is consumed from now on."""
        with self._lock:
            took_ms = None if self._lost_at is None else int((time.monotonic() - self._lost_at) * 1_000)
            generation = self._standing["generation"] + 1
            self._standing.update(queue=queue, generation=generation, lastReconnectMs=took_ms)
        log.info("consuming %s, connection %s", queue, generation)

    def lost(self, why):
        """Nothing is consumed any more."""
        with self._lock:
            self._lost_at = time.monotonic()
            self._standing.update(queue=None, lastLoss=str(why))
        log.warning("connection is over: %s", why)

    def reset_pauses(self):
        with self._lock:
            self._pauses = Pauses(now_ms())

    def brief(self):
        """Where it stands and how much it applied."""
        with self._lock:
            return self._standing | {"applied": self._applied}

    def report(self):
        """Everything as of now."""
        with self._lock:
            publishers = self._publishers.values()
            positions = [publisher.position for publisher in publishers]
            return self._standing | {
                "applied": self._applied,
                "duplicates": sum(position.duplicates for position in positions),
                "late": sum(position.late for position in positions),
                "missing": sum(position.missing_count() for position in positions),
                "gaps": sum(position.gaps for position in positions),
                "rejected": self._rejected,
                "redelivered": self._redelivered,
                "totals": plain(summed(publisher.book.totals for publisher in publishers)),
                "publishers": {name: publisher.snapshot() for name, publisher in self._publishers.items()},
                "pauses": self._pauses.snapshot(),
            }


def decoded(body):
    """Reads a message; ValueError if it is none of ours."""
    message = json.loads(body)
    if not isinstance(message, dict):
        raise ValueError("it is no object")
    action = message.get("action")
    fields = FIELDS.get(action) if isinstance(action, str) else None
    if fields is None:
        raise ValueError(f"its action is {action!r}")
    for name, kind in ({"publisher": str, "seq": NUMBER} | fields).items():
        if not fits(message.get(name), kind):
            raise ValueError(f"its {name} is {message.get(name)!r}")
    return message


def fits(value, kind):
    if kind is NUMBER:
        return type(value) is int and value >= 0
    if kind is SIDES:
        return value in SIDES
    return isinstance(value, kind)
