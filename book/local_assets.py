"""Sphinx extension: scripts and style sheets that belong to some pages are loaded only by the pages that ask for them.

Jupyter Book adds every ``*.js`` and ``*.css`` file below ``_static`` to every page. MathJax must not load that way: it would
run before its settings, twice on pages with formulas, and for nothing on pages without. Sphinx adds it where it belongs. The
interactive pages name their own files.
"""

ON_REQUEST = ("vendor/", "explorer/", "luts/")


def leave_out(app, config):
    """Drop the files of ON_REQUEST's folders from what every page loads."""
    for option in ("html_js_files", "html_css_files"):
        files = getattr(config, option)
        setattr(config, option, [file for file in files if not str(file).startswith(ON_REQUEST)])


def setup(app):
    """Sphinx entry point; priority 100 comes before the HTML builder reads the list."""
    app.connect("config-inited", leave_out, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
