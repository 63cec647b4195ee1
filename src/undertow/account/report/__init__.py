"""The HTML report: one file, readable without a network.

`write_report` is the entrance; `figures` draws, `sections` writes prose and tables, `page` binds
them with the style sheet, the script and plotly.js into one document.
"""

from undertow.account.report.page import Context, render, write_report

__all__ = ["Context", "render", "write_report"]
