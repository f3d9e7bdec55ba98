"""The one exception a reader meets when something they gave, or something they lack, is wrong."""


class BadInput(ValueError):
    """One line that names the thing and the way out.

    The command line prints the line and exits with status 2; in Python it is a ``ValueError``. What a line cannot show, such
    as a line break in a file's name, stands in it as Python would write it.
    """

    def __init__(self, message: str):
        super().__init__("".join(char if char.isprintable() else repr(char)[1:-1] for char in message))
