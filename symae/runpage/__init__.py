"""What a run tells of itself: a page of its own, and several runs side by side.

Training -> keeper (strips of pictures, sessions) -> files of the run directory -> record -> page, comparison.
"""

from symae.runpage.compare import to_html, to_plain, to_terminal
from symae.runpage.comparison import Comparison, compare_runs
from symae.runpage.facts import Price
from symae.runpage.page import write_page
from symae.runpage.write import write_pages

__all__ = ["Comparison", "Price", "compare_runs", "to_html", "to_plain", "to_terminal", "write_page", "write_pages"]
