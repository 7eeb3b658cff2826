"""The records of trainings."""

from loop.training.store import Phase, TrainingState


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


def test_deaths_between_which_it_got_further_are_none(rooms):
    training = rooms.trainings.store.ask(1, "by hand")
    for epoch in range(1, 20):
        training = rooms.trainings.store.start(training)
        rooms.trainings.store.reach(training.id, Phase.TRAINING, epoch=epoch, epochs=20)
        training = rooms.trainings.store.start(training)

    assert (training.attempts, training.stalled) == (38, 2)


def test_the_same_epoch_again_is_no_progress(rooms):
    training = rooms.trainings.store.ask(1, "by hand")
    for _ in range(4):
        training = rooms.trainings.store.start(training)
        rooms.trainings.store.reach(training.id, Phase.TRAINING, epoch=0, epochs=20)

    assert training.stalled == 4
