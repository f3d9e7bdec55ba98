"""Throw-away checkouts with a tiny package and a tiny book, built by the real book/build.py."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

HEADER = """---
jupytext:
  text_representation: {extension: .md, format_name: myst}
kernelspec: {display_name: Python 3, language: python, name: python3}
---
"""

CHAPTER = HEADER + """# A tiny chapter

The bias of $e$ exponent bits is $2^{e-1}-1$, and {cite}`colbert2023a2q` is cited.

$$P \\ge \\log_2 K + N + M$$

```{code-cell}
from pathlib import Path
import sys
from repro import tiny
with Path("../executions.txt").open("a") as log:
    log.write(sys.executable + "\\n")
print("the answer is", tiny.answer())
tiny.picture()
```

```{code-cell}
tiny.table()
```

```{exercise}
:label: ex-tiny
What is the answer?
```

`````{solution-start} ex-tiny
:class: dropdown
`````
```{code-cell}
assert tiny.answer() > 40
```
`````{solution-end}
`````
"""

TINY = '''"""A module that a chapter shows."""

import pandas as pd
from matplotlib import pyplot as plt

from repro.exhibits import Figure, Table, exhibit


def answer():
    return 42


@exhibit
def picture():
    figure, axes = plt.subplots()
    axes.plot([1, 2, 3])
    return Figure("A line.", figure=figure, alt="A rising line.")


@exhibit
def table():
    """Wider than any phone."""
    frame = pd.DataFrame({f"a long column name {i}": [i / 7] for i in range(12)})
    return Table("Sevenths.", frame=frame, formats={"a long column name 1": "{:.3f}"})
'''


class Checkout:
    """A minimal checkout: the real book machinery and exhibits, one module, one chapter."""

    def __init__(self, root: Path):
        self.root = root
        shutil.copytree(ROOT / "book" / "_static", root / "book" / "_static")
        for name in ("_config.yml", "book/build.py", "book/local_assets.py", "book/source_pages.py",
                     "book/references.bib", "book/references.md", "repro/__init__.py", "repro/exhibits.py",
                     "repro/paths.py", "repro/errors.py"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name)
        self.write("constraints.txt", "")
        self.write("repro/tiny.py", TINY)
        self.write("book/_toc.yml", "format: jb-book\nroot: tiny\nchapters:\n  - file: references\n")
        self.write("book/tiny.md", CHAPTER)
        self.write("hw/tiny.v", "// A wire.\nmodule tiny(input a, output b);\n  assign b = a;\nendmodule\n")

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def build(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
        return subprocess.run([sys.executable, str(self.root / "book" / "build.py"), *arguments], cwd=self.root.parent,
                              env={**os.environ, **variables}, capture_output=True, text=True, timeout=300)

    @property
    def html(self) -> Path:
        return self.root / "build" / "book" / "_build" / "html"

    @property
    def page(self) -> str:
        return (self.html / "tiny.html").read_text(encoding="utf-8")

    @property
    def executions(self) -> list[str]:
        """The Python that ran the chapter, once for every time it ran."""
        return (self.root / "executions.txt").read_text(encoding="utf-8").splitlines()
