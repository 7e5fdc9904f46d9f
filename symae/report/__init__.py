"""The paper beside what was measured, row by row: every table, figures 3 and 4, restoration.

Results -> collect (repetitions put together) -> sections (tables, probes, restoration) -> terminal, Markdown, page.
"""

from symae.report.build import Report, build_report, recorded
from symae.report.write import write_report

__all__ = ["Report", "build_report", "recorded", "write_report"]
