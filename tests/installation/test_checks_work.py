"""What the doctor finds in the work that waits."""

from loop.installation.checks_work import events, tasks
from tests.builders import created, ls_region
from tests.reviews.builders import take


def test_the_doctor_tells_what_is_set_aside_and_what_to_do(rooms):
    assert [
        row.level.value
        for row in (
            *events(rooms.installation, rooms.studio.projects.get(1)),
            *tasks(rooms.installation, rooms.studio.projects.get(1)),
        )
    ] == [
        "ok",
        "ok",
    ]
    bad = [created(ls_region(), annotation=2**63 + number) for number in (0, 1)]
    take(rooms, *bad)

    (finding,) = events(rooms.installation, rooms.studio.projects.get(1))

    assert finding.level.value == "warning"
    assert finding.found.startswith("2 set aside; the newest, 2 ANNOTATION_CREATED of ")
    assert "annotation id: expected an id, an integer from 1 to 2^63 - 1, found 9223372036854775809" in finding.found
    assert "loop events retry --project 1" in finding.advice
