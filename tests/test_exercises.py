"""Exercises check themselves: right answers pass, wrong ones bring a hint that gives nothing away."""

import re

import numpy as np
import pytest

from repro import exercises
from repro.errors import BadInput
from repro.paths import ROOT

CHECKED = ("minifloats", "number-line", "rounding", "which-format", "fast", "explorer", "integer-mac", "minifloat-mac",
           "accumulator-width", "counting-luts", "read-out", "all-luts", "accumulator-bit")
CHAPTERS = [path for name in CHECKED if (path := ROOT / "book" / f"{name}.md").exists()]


def in_chapters() -> dict[str, tuple[str, str]]:
    """Label -> text of the exercise, text of its solution."""
    found = {}
    for path in CHAPTERS:
        text = path.read_text(encoding="utf-8")
        for _, label, body in re.findall(r"^(`{3,})\{exercise\}.*?\n:label: (\S+)\n(.*?)^\1\s*$", text, re.M | re.S):
            solution = re.search(rf"^`+\{{solution-start\}} {label}\n(.*?)^`+\{{solution-end\}}", text, re.M | re.S)
            found[label] = body, solution[1]
    return found


def test_the_chapters_and_the_checkers_name_the_same_exercises():
    assert len(CHAPTERS) >= 2
    assert set(in_chapters()) == set(exercises.EXERCISES)


@pytest.mark.parametrize("label", in_chapters())
def test_exercise_and_solution_call_the_check(label):
    body, solution = in_chapters()[label]
    assert f'exercises.check("{label}",' in "".join(body.split())
    assert f'assertexercises.check("{label}",' in "".join(solution.split())


@pytest.mark.parametrize("label, answer", [  # worked out by hand
    ("ex-decode", -1.5), ("ex-encode", 23), ("ex-bias", 31), ("ex-specials", 1.5625), ("ex-range", 114.1), ("ex-span", "E4M3"),
    ("ex-span", " e4m3 "), ("ex-exact-sum", 23),
])
def test_right_answers_pass(label, answer):
    outcome = exercises.check(label, answer)
    assert outcome and repr(outcome) == f"{label}: right."


@pytest.mark.parametrize("label, answer", [
    ("ex-decode", 1.5), ("ex-decode", float("inf")), ("ex-encode", 22), ("ex-bias", 15), ("ex-bias", 31.001),
    ("ex-specials", 25), ("ex-range", 114.3), ("ex-span", "E3M4"), ("ex-exact-sum", 22),
])
def test_wrong_answers_bring_the_hint_in_one_line(label, answer):
    outcome = exercises.check(label, answer)
    assert not outcome
    assert repr(outcome) == f"{label}: not yet. {exercises.EXERCISES[label].hint}" and "\n" not in repr(outcome)


@pytest.mark.parametrize("label", exercises.EXERCISES)
def test_every_checker_tells_right_from_wrong_and_its_hint_keeps_the_secret(label):
    exercise = exercises.EXERCISES[label]
    answer = exercise.answer()
    assert exercises.check(label, answer)
    if isinstance(answer, str):
        assert not exercises.check(label, answer + "0")
        assert answer.upper() not in exercise.hint.upper()
    else:
        numbers = np.asarray(answer, dtype=np.float64)
        assert not exercises.check(label, numbers * 1.5 + 1) and not exercises.check(label, -numbers - 1)
        shown = {float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", exercise.hint)}
        assert not set(numbers.ravel()) <= shown


@pytest.mark.parametrize("label, answer, message", [
    ("ex-nothing", 1, "unknown exercise 'ex-nothing': choose one of ex-decode, "),
    ("ex-decode", "-1.5", "ex-decode asks for one number, not for str"),
    ("ex-decode", True, "ex-decode asks for one number, not for bool"),
    ("ex-decode", None, "ex-decode asks for one number; NaN and None are not numbers"),
    ("ex-decode", [-1.5], r"ex-decode asks for one number, not for an array of shape \(1,\)"),
    ("ex-decode", [[1], [2, 3]], "ex-decode asks for one number, not for list"),
    ("ex-span", 43, "ex-span asks for a text in quotes, such as a format's name, not int"),
])
def test_what_is_no_answer_is_named(label, answer, message):
    with pytest.raises(BadInput, match=message):
        exercises.check(label, answer)


def test_arrays_are_compared_number_by_number_within_the_tolerance(monkeypatch):
    monkeypatch.setitem(exercises.EXERCISES, "ex-toy", exercises.Exercise(lambda: [1.0, 200.0, -np.inf], "Look again.", 0.01))
    assert exercises.check("ex-toy", np.array([1.009, 198.1, -np.inf]))
    assert not exercises.check("ex-toy", [1.0, 197.9, -np.inf])
    assert not exercises.check("ex-toy", [1.0, 200.0, np.inf])
    with pytest.raises(BadInput, match=r"asks for an array of shape \(3,\)"):
        exercises.check("ex-toy", 1.0)
