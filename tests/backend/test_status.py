"""The HTTP status of each error."""

import pytest

from backend.app import STATUS
from loop import errors

UNKNOWN = [kind for name, kind in vars(errors).items() if name.startswith(("Unknown", "NoSuch"))]


@pytest.mark.parametrize("kind", UNKNOWN, ids=lambda kind: kind.__name__)
def test_whatever_is_not_there_is_answered_404(kind):
    assert next(status for known, status in STATUS.items() if issubclass(kind, known)) == 404
