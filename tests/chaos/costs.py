"""The seed of the faults, their order, and the file of what they cost."""

import json
import os
import random
from pathlib import Path

SEED = 20261126
RESULT = Path(__file__).parents[2] / "faults.json"  # `python -m scripts.fault_table` puts it into the docs


def in_order(faults):
    """The names of faults at random."""
    return random.Random(SEED).sample(list(faults), len(faults))


class Costs:
    """Writes what each of the *planned* faults cost; None for those that were not played, or failed."""

    def __init__(self, planned):
        self._costs = dict.fromkeys(sorted(planned))
        self._write()

    def record(self, name, cost):
        self._costs[name] = cost
        self._write()

    def _write(self):
        RESULT.write_text(json.dumps({"cores": os.cpu_count(), "seed": SEED, "faults": self._costs}, indent=2) + "\n")
