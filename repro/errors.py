"""The one exception a reader meets when something they gave, or something they lack, is wrong."""


class BadInput(ValueError):
    """One line that names the thing and the way out.

    The command line prints the line and exits with status 2; in Python it is a ``ValueError``.
    """
