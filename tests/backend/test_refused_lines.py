"""The log of strangers whose events are refused."""

import re

from loop.label_studio.webhook import PROJECT_HEADER, SECRET_HEADER
from tests.backend.builders import AUTH


def test_rubbish_makes_one_line_for_each_reason_and_is_counted_all_the_same(client, rooms, caplog):
    def counted(status):
        text = client.get("/metrics", headers=AUTH).text
        found = re.search(rf'^loop_events_refused_total{{status="{status}"}} ([\d.]+)$', text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    before = counted(401), counted(400)
    for number in range(50):
        client.post("/webhook", json={}, headers={PROJECT_HEADER: "1", SECRET_HEADER: f"guess {number}"})
        client.post("/webhook", json={}, headers={PROJECT_HEADER: f"no project {number}", SECRET_HEADER: "guess"})

    assert caplog.text.count("is refused: wrong X-Loop-Secret") == 1
    assert caplog.text.count("is refused: project: expected a project id") == 1
    assert (counted(401) - before[0], counted(400) - before[1]) == (50, 50)
