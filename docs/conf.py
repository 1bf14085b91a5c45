"""Sphinx configuration. Built with warnings as errors: see `.ci/run`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

import costmodel

project = "costmodel"
author = "costmodel authors"
copyright = author  # noqa: A001 (Sphinx's name)
version = release = costmodel.__version__

extensions = ["costmodel_docs", "myst_nb"]
exclude_patterns = ["_build"]
smartquotes = False  # x' is x', not an apostrophe
default_role = "code"  # docstrings write `name` for a parameter

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 2
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_render_markdown_format = "myst"  # so that what shows itself as Markdown may hold mathematics

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 100
python_use_unqualified_type_names = True

html_theme = "furo"
html_title = f"costmodel {version}"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["costmodel.css"]
html_show_copyright = False
