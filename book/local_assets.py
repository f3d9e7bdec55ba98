"""Sphinx extension: vendored scripts are loaded only by the pages that ask for them.

Jupyter Book adds every ``*.js`` file below ``_static`` to every page. MathJax must not load that way: it would run
before its settings, twice on pages with formulas, and for nothing on pages without. Sphinx adds it where it belongs.
"""


def leave_out_vendored(app, config):
    """Drop ``vendor/...`` from the scripts that every page loads."""
    config.html_js_files = [script for script in config.html_js_files if not str(script).startswith("vendor/")]


def setup(app):
    """Sphinx entry point; priority 100 comes before the HTML builder reads the list."""
    app.connect("config-inited", leave_out_vendored, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
