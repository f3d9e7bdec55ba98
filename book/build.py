"""Build the book, or serve the built one: ``python book/build.py [--serve]``.

Jupyter Book caches a page's outputs by the text of its cells alone. A change in the package, the hardware, the data
or the lock would go unnoticed, so the cache lies in a folder named by a digest of them all.
"""

import argparse
import functools
import hashlib
import http.server
import importlib.metadata
import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
CELL_INPUTS = ("repro", "hw", "data", "build/results", "constraints.txt")
"""What the outputs of cells depend on beside their own text."""
PAGE_INPUTS = ("_config.yml", "book/_static", "book/build.py", "book/local_assets.py", "book/source_pages.py")
"""What makes Sphinx's own record of up-to-date pages stale, beside the chapters themselves."""
IGNORED = ("__pycache__", "data/downloads")


class CannotBuild(Exception):
    """One line that names what is wrong and the way out."""


def digest(paths: list[Path], root: Path = ROOT) -> str:
    """16 hex digits for names and contents of these files and folders; hidden files and IGNORED ones do not count."""
    total = hashlib.sha256(sys.version.encode())
    for path in paths:
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            name = file.relative_to(root).as_posix()
            if file.is_file() and not any(part in f"/{name}" for part in ("/.", *(f"/{i}" for i in IGNORED))):
                total.update(f"{name}\n{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()[:16]


def effective_config(output: Path, cache: Path) -> Path:
    """Write _config.yml with the cache's folder and absolute extension folders; returns its path."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    config["execute"]["cache"] = str(cache)
    extensions = config["sphinx"]["local_extensions"]
    config["sphinx"]["local_extensions"] = {name: str(ROOT / folder) for name, folder in extensions.items()}
    path = output / "config.yml"
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return path


def environment(output: Path) -> dict[str, str]:
    """Variables for the build: this checkout's packages, and a `python3` kernel that is this very Python."""
    from ipykernel.kernelspec import write_kernel_spec

    kernel = output / "jupyter" / "kernels" / "python3"
    shutil.rmtree(kernel, ignore_errors=True)
    # Errors only: a kernel warns at every start that its messages, which stay on this machine, are not encrypted.
    write_kernel_spec(str(kernel), extra_arguments=["--log-level=40"])

    def first(variable: str, folder: Path) -> str:
        return os.pathsep.join(filter(None, [str(folder), os.environ.get(variable)]))

    # JUPYTER_PATH is searched before a user's own kernels, which may well include another `python3`.
    return {**os.environ, "JUPYTER_PATH": first("JUPYTER_PATH", output / "jupyter"),
            "PYTHONPATH": first("PYTHONPATH", ROOT)}


def build(source: Path, output: Path, warnings_are_errors: bool) -> int:
    """Build the pages of `source` below `output`; returns Jupyter Book's exit status."""
    _require_jupyter_book_1()
    if not (source / "_toc.yml").is_file():
        raise CannotBuild(f"{source} has no _toc.yml: name a folder with a book by --source")
    output.mkdir(parents=True, exist_ok=True)
    inputs = [ROOT / name for name in CELL_INPUTS]
    caches = output / "cache"
    cache = caches / digest(inputs)
    cache.mkdir(parents=True, exist_ok=True)
    for old in caches.iterdir():
        if old != cache:
            shutil.rmtree(old)

    stamp = output / "pages.digest"
    pages = cache.name + _surroundings() + digest([ROOT / name for name in PAGE_INPUTS]) + digest([source / "_toc.yml"], source)
    fresh = not stamp.exists() or stamp.read_text(encoding="utf-8") != pages
    if fresh or warnings_are_errors:  # an up-to-date page gives no warnings, not even those it deserves
        shutil.rmtree(output / "_build", ignore_errors=True)
    stamp.unlink(missing_ok=True)

    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", str(source),
               "--config", str(effective_config(output, cache)), "--toc", str(source / "_toc.yml"),
               "--path-output", str(output), *(["-W", "--keep-going", "-n"] if warnings_are_errors else [])]
    status = subprocess.run(command, env=environment(output), check=False).returncode
    if status == 0:
        stamp.write_text(pages, encoding="utf-8")
    return status


def _surroundings() -> str:
    """8 hex digits for what `repro doctor` finds: tools and data sets come and go, and the status page, which is executed
    anew whenever it is read, shows them."""
    found = subprocess.run([sys.executable, "-W", "ignore", "-m", "repro.cli", "doctor"], cwd=ROOT, capture_output=True, check=False)
    return hashlib.sha256(found.stdout).hexdigest()[:8]


def serve(output: Path, port: int) -> None:
    """Serve the built book on the loopback interface until interrupted."""
    folder = html_folder(output)
    if not (folder / "index.html").is_file():
        raise CannotBuild(f"no book is built in {folder}: run `make book` first")
    handler = functools.partial(QuietHandler, directory=str(folder))
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    except (OSError, OverflowError) as error:
        raise CannotBuild(f"cannot listen on port {port} ({error}): choose another one with --port") from None
    with server:
        print(f"The book is at http://127.0.0.1:{server.server_port}/ (stop with Ctrl-C)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files without a line for every request."""

    def log_message(self, *args):
        """Say nothing."""


def html_folder(output: Path) -> Path:
    """Where Jupyter Book puts the pages."""
    return output / "_build" / "html"


def _require_jupyter_book_1() -> None:
    """Jupyter Book 2 reads no _config.yml: it would build nothing and report success."""
    try:
        version = importlib.metadata.version("jupyter-book")
    except importlib.metadata.PackageNotFoundError:
        raise CannotBuild("jupyter-book is not installed in this Python: run `make book`") from None
    if not version.startswith("1."):
        raise CannotBuild(f"jupyter-book {version} cannot read _config.yml: install the version in constraints.txt")


def main() -> int:
    """Command line; returns the exit status (2 for a wrong argument or a missing tool)."""
    parser = argparse.ArgumentParser(description="Build the book, or serve the built one.")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "book", help="folder for pages and cache")
    parser.add_argument("--source", type=Path, default=ROOT / "book", help="folder with the chapters")
    parser.add_argument("--warnings-are-errors", action="store_true", help="fail on any warning or failing cell")
    parser.add_argument("--serve", action="store_true", help="serve the built book on this machine")
    parser.add_argument("--port", type=int, default=8000, help="port for --serve; 0 takes a free one")
    arguments = parser.parse_args()
    output = arguments.output.resolve()
    try:
        if arguments.serve:
            serve(output, arguments.port)
            return 0
        status = build(arguments.source.resolve(), output, arguments.warnings_are_errors)
    except CannotBuild as problem:
        print(f"book/build.py: {problem}", file=sys.stderr)
        return 2
    except OSError as problem:
        print(f"book/build.py: {problem.filename}: {problem.strerror}: name another folder with --output", file=sys.stderr)
        return 2
    if status == 0:
        print(f"The book is at {(html_folder(output) / 'index.html').as_uri()}")
    else:
        print("The book was not built: see the warnings above.", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
