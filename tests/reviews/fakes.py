"""A unit of work that fails."""


class Failing:
    """A part of which one method raises."""

    def __init__(self, part, method, error):
        self._part, self._method, self._error = part, method, error

    def __getattr__(self, name):
        def fail(*_, **__):
            raise self._error

        return fail if name == self._method else getattr(self._part, name)
