"""The records of trainings."""

from loop.training.store import TrainingState


def test_a_hundred_asks_make_one_training(rooms):
    for _ in range(100):
        rooms.trainings.store.ask(1, "by hand")

    assert len(rooms.trainings.store.open(1)) == 1


def test_two_projects_train_each_for_itself(rooms):
    first, second = rooms.trainings.store.ask(1, "by hand"), rooms.trainings.store.ask(2, "by hand")

    assert [one.id for one in rooms.trainings.store.open()] == [first.id, second.id]


def test_after_a_training_ended_the_next_can_be_asked_for(rooms):
    first = rooms.trainings.store.ask(1, "by hand")
    rooms.trainings.store.end(first.id, TrainingState.ENDED)

    assert rooms.trainings.store.ask(1, "by hand").id != first.id
