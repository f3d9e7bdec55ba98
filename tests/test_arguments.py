"""Whole numbers and flags of any library come out as Python's own; anything else gets one line."""

import numpy as np
import pytest
import torch
from hypothesis import given
from whole_numbers import NUMPY_INTEGERS, whole_numbers

from repro.arguments import flag, positive, whole
from repro.errors import BadInput
from repro.fakequant.scales import abs_max, mse, percentile
from repro.formats import parse


@given(whole_numbers(-(2**80), 2**80))
def test_whole_numbers_of_any_library(value):
    assert type(whole("n", value)) is int and whole("n", value) == int(value)


def test_every_integer_type_of_numpy_is_tried():
    names = {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
    assert {np.dtype(kind).name for kind in NUMPY_INTEGERS} == names


def test_several_at_once_keep_their_order():
    assert positive(b=np.int8(3), a=2**70) == [3, 2**70]


FLAGS = (True, np.True_, np.array(True), torch.tensor(True))


@pytest.mark.parametrize("value", [*FLAGS, 2.0, np.float64(2), "2", None, 2j, np.array([2, 3]), np.array([[1.5], [2]]),
                                   np.datetime64(2, "D"), torch.tensor([2, 3])], ids=repr)
def test_what_is_no_whole_number_gets_one_line(value):
    with pytest.raises(BadInput, match="^n is a whole number, not ") as caught:
        whole("n", value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 100


@pytest.mark.parametrize("value", [0, np.int8(0), -(2**70)])
def test_the_least_number_is_named(value):
    with pytest.raises(BadInput, match=f"n is a whole number of at least 1, not .*{value}"):
        positive(n=value)
    assert whole("n", value, int(value)) == value


@pytest.mark.parametrize("value", [*FLAGS, 1, np.uint8(1)], ids=repr)
def test_flags_of_any_library(value):
    assert flag("f", value) is True


@pytest.mark.parametrize("value", [2, -1, "yes", None, 1.0, np.array([True, False]), torch.tensor([True, False])], ids=repr)
def test_what_is_no_flag_gets_one_line(value):
    with pytest.raises(BadInput, match="^f is True or False, not ") as caught:
        flag("f", value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("choose", [abs_max, percentile, mse])
def test_an_axis_may_be_an_integer_of_any_library(choose):
    x, fmt = torch.arange(24.0).reshape(2, 3, 4), parse("INT4")
    for axis in (-1, 0):
        wanted = choose(x, fmt, dim=axis)
        for kind in (np.int8, np.int64, torch.tensor):
            assert torch.equal(choose(x, fmt, dim=kind(axis)), wanted)
    for value in (True, 0.0, "0"):
        with pytest.raises(BadInput, match="dim is a whole number, not"):
            choose(x, fmt, dim=value)
