"""Which prediction a reviewer saw, where no region says so."""

from tests.builders import created, ls_region, served
from tests.reviews.builders import take


def test_the_time_of_later_edits_does_not_move_a_review_to_a_version_before(rooms):
    rooms.serving.predictions.append([served(version="a@1", minutes=-30)])
    rooms.serving.predictions.append([served(version="a@2", minutes=-1)])

    take(rooms, created(ls_region("drawn"), edited=60, lead_time=1200.0))

    assert rooms.rates.store.count_by_version(1)["a@2"].missed == 1
