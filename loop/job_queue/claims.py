"""The items of one work that several jobs share: each item is claimed by one job, noted in Redis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from loop.job_queue.connection import answering
from loop.job_queue.job_lock import lock_key

CLAIMS, CLAIM_SECONDS = "loop:claims:", 3600  # since the last claim of that work
STATES = (b"new", b"left", b"held")
CLAIM = """
local states = {}
for number = 4, #ARGV do
  local holder = redis.call('HGET', KEYS[1], ARGV[number])
  local state = 'new'
  if holder and holder ~= ARGV[1] then
    state = redis.call('EXISTS', ARGV[2] .. holder) == 1 and 'held' or 'left'
  end
  if state ~= 'held' then redis.call('HSET', KEYS[1], ARGV[number], ARGV[1]) end
  states[#states + 1] = state
end
redis.call('EXPIRE', KEYS[1], ARGV[3])
return states
"""


@dataclass(frozen=True, slots=True)
class ClaimedItems:
    """
    The items that a job asked for: *new* ones that nobody had, those that a job *left* when it ended, and those *held*.

    The job has the new ones and those that were left, which may be done already; another job has those that are held.
    """

    new: frozenset[int]
    left: frozenset[int]
    held: frozenset[int]


class Claims:
    """The claims of jobs on items. A claim holds as long as the lock that its holder has; it is never given back."""

    _redis: Any

    def claim(self, work: str, holder: str, items: Sequence[int]) -> ClaimedItems:
        """
        Claim the *items* of a work for a holder, a name whose lock the calling job has (`alone`). Raises UpstreamError.

        Of several jobs that ask at the same moment, one gets an item. A job that was killed loses its lock soon.
        """
        with answering():
            states = self._redis.eval(
                CLAIM, 1, f"{CLAIMS}{work}", holder, lock_key(""), CLAIM_SECONDS, *(str(item) for item in items)
            )
        by_state = {state: frozenset(i for i, s in zip(items, states, strict=True) if s == state) for state in STATES}
        return ClaimedItems(*by_state.values())
