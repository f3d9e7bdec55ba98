"""Arguments of any library as plain Python: whole numbers and flags.

NumPy's and torch's integers compute in their own few bits and wrap around, most of them without a word. So whoever
takes a whole number goes on with what these functions return, never with what was passed.
"""

from operator import index

from repro.errors import BadInput


def whole(name: str, value, least: int | None = None) -> int:
    """The value as a Python int: an integer of any library, a 0-d array or tensor of one included.

    Raises BadInput for anything else and for what is below `least`. True is a flag, not a number: refused.
    """
    try:
        number = None if _is_flag(value) else index(value)
    except TypeError:
        number = None
    if number is None or least is not None and number < least:
        bound = "" if least is None else f" of at least {least}"
        raise BadInput(f"{name} is a whole number{bound}, not {_shown(value)}")
    return number


def positive(**values) -> list[int]:
    """Each value as a Python int, in the order given. Raises BadInput unless all are whole numbers of at least 1."""
    return [whole(name, value, 1) for name, value in values.items()]


def flag(name: str, value) -> bool:
    """The value as a Python bool: True or False of any library, or 1 or 0. Raises BadInput for anything else."""
    try:
        number = bool(value) if _is_flag(value) else index(value)
    except (TypeError, ValueError, RuntimeError):  # the last two are an array's and a tensor's of several flags
        number = None
    if number not in (0, 1):
        raise BadInput(f"{name} is True or False, not {_shown(value)}")
    return bool(number)


def _is_flag(value) -> bool:
    return isinstance(value, bool) or str(getattr(value, "dtype", "")).endswith("bool")  # numpy's and torch's


def _shown(value) -> str:
    """An argument in an error message: one line, and not a long one."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:60] + "..."
