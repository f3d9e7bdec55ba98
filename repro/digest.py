"""Which code a row depends on, as a short digest.

An experiment module also draws pictures and judges claims; a new caption must not make hours of rows stale. So of the
experiment's own module only what its grid and compute functions reach counts, and of every module of `repro`
and `hw` that those use, everything. Comments and docstrings never count.
"""

import ast
import copy
import hashlib
from functools import cache
from pathlib import Path

from repro import paths
from repro.experiments.base import Experiment

PACKAGES = ("repro", "hw")
HARMLESS = ("repro.paths", "repro.errors", "repro.atomic", "repro.experiments")
"""Modules that say where files lie, what errors read like and which experiments there are: no figure depends on them."""
ENGINES = ("brevitas", "gfloat", "ml_dtypes", "numpy", "pillow", "pyosys", "scipy", "torch", "torchvision")
"""The pip packages that compute rows: their pinned versions are part of the digest."""


@cache
def code_digest(experiment: Experiment) -> str:
    """Twelve hexadecimal digits over the reachable code, the pinned engines and the experiment's further input files."""
    tree = _tree(experiment.module)
    reached = _reachable(tree, {experiment.grid.__name__, experiment.compute.__name__})
    texts = {experiment.module: "\n".join(ast.unparse(node) for node in reached)}
    waiting = _imports(reached, experiment.module)
    while waiting:
        module = waiting.pop()
        if module not in texts:
            tree = _tree(module)
            texts[module] = ast.unparse(tree)
            waiting |= _imports(tree.body, module)
    digest = hashlib.sha256()
    for module in sorted(texts):
        digest.update(f"{module}\n{texts[module]}\n".encode())
    for line in (paths.ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line.split("==")[0] in ENGINES:
            digest.update(f"{line}\n".encode())
    for pattern in experiment.files:
        for path in sorted(paths.ROOT.glob(pattern)):
            text = path.read_bytes().replace(b"\r\n", b"\n")  # git may check texts out with either line end
            digest.update(path.name.encode() + text)
    return digest.hexdigest()[:12]


def _file(module: str) -> Path | None:
    base = paths.ROOT.joinpath(*module.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


@cache
def _tree(module: str) -> ast.Module:
    tree = ast.parse(_file(module).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):  # drop docstrings and other bare strings
            kept = [n for n in body if not (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant))]
            node.body = kept or [ast.Pass()]
    return tree


def _imports(nodes: list[ast.stmt], module: str) -> set[str]:
    """Modules of this project that the statements import, packages' __init__ included."""
    found: set[str] = set()
    for node in (n for statement in nodes for n in ast.walk(statement)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] in PACKAGES:
                found |= {".".join(parts[:n]) for n in range(1, len(parts) + 1)}
    return {name for name in found if _file(name)} - {module, *HARMLESS}


def _reachable(tree: ast.Module, wanted: set[str]) -> list[ast.stmt]:
    """The module's top-level statements that the wanted names need, in order."""
    defined = {index: _names(node) for index, node in enumerate(tree.body)}
    taken: set[int] = set()
    while True:
        new = {index for index, names in defined.items() if names & wanted} - taken
        if not new:
            break
        taken |= new
        for index in new:
            node = tree.body[index]
            wanted |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    return [_only(tree.body[index], wanted) for index in sorted(taken)]


def _only(node: ast.stmt, wanted: set[str]) -> ast.stmt:
    """An import statement reduced to the names wanted; any other statement as it is."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        node = copy.copy(node)
        node.names = [alias for alias in node.names if (alias.asname or alias.name).split(".")[0] in wanted]
    return node


def _names(node: ast.stmt) -> set[str]:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return {node.name}
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
