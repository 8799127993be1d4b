"""The order book of one publisher: open orders by id, and running totals per symbol and side.

It mirrors examples/orders/src/state/book.rs: equal messages give equal books and equal digests.
"""

from dataclasses import asdict, dataclass
from hashlib import sha256

# Open orders kept for each publisher. The oldest is closed when one more is placed, so that memory is bounded.
OPEN_ORDERS = 1_000


@dataclass
class Totals:
    """Running totals of one symbol and side."""

    orders: int = 0
    placed: int = 0
    filled: int = 0
    turnover: int = 0
    cancelled: int = 0

    def add(self, other):
        self.orders += other.orders
        self.placed += other.placed
        self.filled += other.filled
        self.turnover += other.turnover
        self.cancelled += other.cancelled


@dataclass
class OpenOrder:
    symbol: str
    side: str
    open: int
    price: int


class Book:
    """The book of one publisher."""

    def __init__(self):
        self._open = {}
        # By symbol, then side.
        self.totals = {}

    def apply(self, seq, message):
        """Applies what the message numbered `seq` does. Orders that are not open any more are left alone."""
        match message["action"]:
            case "place":
                order = OpenOrder(message["symbol"], message["side"], message["quantity"], message["price"])
                self._place(seq, order)
            case "fill":
                self._fill(message["order"], message["quantity"])
            case "cancel":
                if order := self._open.pop(message["order"], None):
                    self._totals_of(order).cancelled += order.open

    def _place(self, seq, order):
        if len(self._open) >= OPEN_ORDERS:
            del self._open[min(self._open)]
        totals = self._totals_of(order)
        totals.orders += 1
        totals.placed += order.open
        self._open[seq] = order

    def _fill(self, seq, quantity):
        order = self._open.get(seq)
        if order is None:
            return
        units = min(quantity, order.open)
        order.open -= units
        totals = self._totals_of(order)
        totals.filled += units
        totals.turnover += units * order.price
        if order.open == 0:
            del self._open[seq]

    def _totals_of(self, order):
        return self.totals.setdefault(order.symbol, {}).setdefault(order.side, Totals())

    def snapshot(self):
        """How many orders are open, and a digest over every one of them in order of ids."""
        digest = sha256()
        for seq, order in sorted(self._open.items()):
            digest.update(f"{seq} {order.symbol} {order.side[0]} {order.open} {order.price}\n".encode())
        return {"open": len(self._open), "digest": digest.hexdigest()}


def plain(totals):
    """Totals as JSON has them."""
    return {symbol: {side: asdict(of) for side, of in sides.items()} for symbol, sides in totals.items()}


def summed(all_totals):
    """The totals of several books together."""
    total = {}
    for totals in all_totals:
        for symbol, sides in totals.items():
            for side, of in sides.items():
                total.setdefault(symbol, {}).setdefault(side, Totals()).add(of)
    return total
