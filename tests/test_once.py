"""Values that are made once, also where threads use them first."""

import time
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from threading import Barrier

import pytest

from loop.datasets.local_images import LocalImages
from loop.delivery import NoticeSender
from loop.label_studio.client import LabelStudio
from loop.once import Once
from loop.vision.images import ImageLimits, Images

THREADS = 8


def test_many_threads_that_need_a_value_first_get_one_value():
    together, made = Barrier(THREADS), []

    def make():
        time.sleep(0.05)
        made.append(object())
        return made[-1]

    def use(_):
        together.wait()
        return value.get()

    value = Once(make)
    with ThreadPoolExecutor(THREADS) as pool:
        values = set(pool.map(use, range(THREADS)))

    assert values == {value.made}
    assert len(made) == 1


def test_a_value_that_could_not_be_made_is_made_at_the_next_use():
    answers = iter([OSError("not yet"), "here"])

    def make():
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    value = Once(make)

    with pytest.raises(OSError, match="not yet"):
        value.get()
    assert value.made is None
    assert value.get() == "here"


@pytest.mark.parametrize("kind", [Images, LabelStudio, NoticeSender, LocalImages])
def test_what_threads_share_has_no_property_that_two_threads_may_make(kind):
    own = [name for each in kind.__mro__ for name, value in vars(each).items() if isinstance(value, cached_property)]

    assert own == []


def test_the_clients_of_images_are_closed():
    images = Images(None, ImageLimits())
    client = images._client.get()

    images.close()

    assert client.is_closed
