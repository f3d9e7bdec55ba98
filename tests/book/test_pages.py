"""Every chapter is built the same way: objectives, live cells with assertions, exercises that run, paper beside page."""

import importlib.metadata
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
NOT_CHAPTERS = ("explorer", "references")  # a tool and a list


def chapters() -> list[str]:
    toc = yaml.safe_load((BOOK / "_toc.yml").read_text(encoding="utf-8"))
    names = [toc["root"], *(entry["file"] for part in toc["parts"] for entry in part["chapters"])]
    return [name for name in names if name not in NOT_CHAPTERS]


@pytest.fixture(params=chapters())
def text(request) -> str:
    return (BOOK / f"{request.param}.md").read_text(encoding="utf-8")


def test_header_makes_it_a_notebook(text):
    header = yaml.safe_load(text.split("---\n")[1])
    assert header["kernelspec"]["name"] == "python3"
    assert header["jupytext"]["text_representation"]["format_name"] == "myst"


def test_one_title(text):
    outside_fences = re.sub(r"^(`{3,})\{?.*?^\1\s*$", "", text, flags=re.M | re.S)
    assert len(re.findall(r"^# \S", outside_fences, re.M)) == 1


def test_objectives_prerequisites_and_minutes(text):
    box = re.search(r"^:::\{admonition\} What you will be able to do\n:class: tip\n(.*?)^:::$", text, re.M | re.S)
    assert box, "no box 'What you will be able to do'"
    objectives = re.findall(r"^(\d+)\. \S", box[1], re.M)
    assert objectives == ["1", "2", "3"]
    assert re.search(r"\*\*Prerequisites:\*\* \S", box[1])
    assert re.search(r"\*\*Time:\*\* \d+ minutes", box[1])


def test_headings_in_order(text):
    wanted = ["## Exercises", "## The paper and this page", "## Further reading"]
    assert [line for line in text.splitlines() if line in wanted] == wanted


def test_two_exercises_each_with_a_solution_that_runs(text):
    labels = re.findall(r"^`{3,}\{exercise\}.*\n:label: (\S+)$", text, re.M)
    assert len(labels) >= 2 and len(set(labels)) == len(labels)
    solutions = dict(re.findall(r"^`+\{solution-start\} (\S+)\n(.*?)^`+\{solution-end\}", text, re.M | re.S))
    assert sorted(solutions) == sorted(labels)
    for label, solution in solutions.items():
        cells = re.findall(r"^```\{code-cell\}.*?\n(.*?)^```$", solution, re.M | re.S)
        assert any("assert " in cell for cell in cells), f"the solution of {label} checks nothing"


def test_claims_are_asserted_outside_the_exercises(text):
    body = text.split("## Exercises")[0]
    cells = re.findall(r"^```\{code-cell\}.*?\n(.*?)^```$", body, re.M | re.S)
    assert any(re.search(r"^\s*assert ", cell, re.M) for cell in cells)


def test_figures_of_the_paper_stand_beside_ours(text):
    section = text.split("## The paper and this page")[1].split("## Further reading")[0]
    assert "{code-cell}" in section


def test_every_citation_is_in_the_bibliography(text):
    known = re.findall(r"^@\w+\{([^,]+),", (BOOK / "references.bib").read_text(encoding="utf-8"), re.M)
    cited = [key.strip() for group in re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", text) for key in group.split(",")]
    assert set(cited) <= set(known)


def test_jupyter_book_is_version_1_and_nothing_invites_version_2():
    assert importlib.metadata.version("jupyter-book").startswith("1.")
    folders = (ROOT, BOOK)
    assert not [folder / name for folder in folders for name in ("myst.yml", "myst.yaml") if (folder / name).exists()]
