"""The paper's pictures of any run: what it restores (figure 2) and what its feature maps show (figures 5 and 6)."""

from symae.visualize.features import View
from symae.visualize.figure import Figure, draw_features, draw_restorations

__all__ = ["Figure", "View", "draw_features", "draw_restorations"]
