"""The scores that audited tasks would have in the queue."""

import pytest

from loop.rates.store import RateStore
from loop.serving.queue_order import QueueOrder, Ranking
from loop.serving.store import AUDIT
from tests.builders import region, served


def test_an_audited_task_has_the_score_of_the_queue_in_the_order_of_the_setting(rooms):
    boxes = region("p", score=0.6), region("q", score=0.6)
    rooms.serving.predictions.append([served(*boxes, stream=AUDIT, version="a@1")])

    scores = {
        order: RateStore(rooms.engine, Ranking(order)).read_predicted_tasks(1)["a@1"][1].score
        for order in (QueueOrder.PRODUCT, QueueOrder.LEAST)
    }

    assert scores == {QueueOrder.PRODUCT: pytest.approx(0.36), QueueOrder.LEAST: pytest.approx(0.6)}
