"""Reads data/paper/*.yml: what the papers and other projects say, as plain lists, dictionaries, texts and numbers."""

import yaml

from repro import paths
from repro.errors import BadInput


_DEEPEST = 20


class _Strict(yaml.SafeLoader):
    """Refuses a field that an entry has twice, of which YAML would keep the last, and brackets nested so deeply that they
    would take seconds.
    """

    def fetch_flow_collection_start(self, token):
        if self.flow_level >= _DEEPEST:
            raise yaml.scanner.ScannerError(None, None, f"brackets nested more than {_DEEPEST} deep", self.get_mark())
        super().fetch_flow_collection_start(token)

    def construct_mapping(self, node, deep=False):
        found = super().construct_mapping(node, deep)
        if len(found) < len(node.value):
            raise yaml.constructor.ConstructorError(None, None, "a field stands there twice", node.start_mark)
        return found


def read(name: str):
    """The content of data/paper/`name`. Raises BadInput when the file is missing or is no YAML without repeated fields."""
    path = paths.PAPER / name
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Strict)
    except Exception as error:  # PyYAML raises a different class for each kind of value that it cannot make
        mark = getattr(error, "problem_mark", None)
        place = f" line {mark.line + 1}" if mark else ""
        reason = " ".join(str(getattr(error, "problem", None) or error).split())
        raise BadInput(f"{path}{place} cannot be read ({reason}): restore it with git") from None
