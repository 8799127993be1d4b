"""Where a publisher's stream stands, and how long processing stood still.

They mirror examples/orders/src/state/position.rs and pauses.rs.
"""

from collections import deque

# Gaps above this are kept with their times.
NOTABLE_MS = 100
# How many of them are kept; the oldest go first.
KEPT = 512


class Position:
    """What came, what came twice, what came late, what is missing."""

    def __init__(self):
        self.applied = 0
        self.last = 0
        self.duplicates = 0
        self.late = 0
        self.gaps = 0
        # Numbers below `last` that have not come, as inclusive ranges in ascending order.
        self.missing = []

    def advance(self, seq):
        """Takes note of the next message."""
        self.applied += 1
        if seq <= self.last:
            if self._take_missing(seq):
                self.late += 1
            else:
                self.duplicates += 1
            return
        if seq > self.last + 1:
            self.gaps += 1
            self.missing.append((self.last + 1, seq - 1))
        self.last = seq

    def _take_missing(self, seq):
        for index, (first, last) in enumerate(self.missing):
            if first <= seq <= last:
                halves = [(first, seq - 1), (seq + 1, last)]
                self.missing[index : index + 1] = [half for half in halves if half[0] <= half[1]]
                return True
        return False

    def missing_count(self):
        return sum(last - first + 1 for first, last in self.missing)

    def snapshot(self):
        return {
            "applied": self.applied,
            "last": self.last,
            "duplicates": self.duplicates,
            "late": self.late,
            "gaps": self.gaps,
            "missing": self.missing,
        }


class Pauses:
    """The longest gap between two messages since the last reset, and every long one."""

    def __init__(self, since_ms=0):
        self._since_ms = since_ms
        self._previous_ms = None
        self._longest = None
        self._notable = deque(maxlen=KEPT)

    def applied_at(self, now_ms):
        previous_ms, self._previous_ms = self._previous_ms, now_ms
        if previous_ms is None:
            return
        pause = (previous_ms, now_ms)
        if self._longest is None or length(pause) > length(self._longest):
            self._longest = pause
        if length(pause) > NOTABLE_MS:
            self._notable.append(pause)

    def snapshot(self):
        return {
            "sinceMs": self._since_ms,
            "longestMs": length(self._longest) if self._longest else 0,
            "longest": shown(self._longest) if self._longest else None,
            "over100Ms": [shown(pause) for pause in self._notable],
        }


def length(pause):
    """A clock that was set back is no pause."""
    return max(0, pause[1] - pause[0])


def shown(pause):
    return {"fromMs": pause[0], "toMs": pause[1]}
