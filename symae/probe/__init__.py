"""Figure 3 of the paper for any runs: what each layer's features are good for (section 5.1).

Fixed features -> softmax regression, and a stack of deconvolutions; beside them a linear probe and nearest
neighbours of the last layer. One file each: images -> features -> classification, reconstruction, neighbours ->
scores -> plot.
"""

from __future__ import annotations

from symae.probe.images import Question
from symae.probe.plan import ProbeRequest, parse_layers
from symae.probe.plot import Curve, draw
from symae.probe.run import probe, probe_results
from symae.probe.scores import Figure, FinalScore, LayerScore, RunScores
from symae.probe.table import figure_table

__all__ = [
    "Curve",
    "Figure",
    "FinalScore",
    "LayerScore",
    "ProbeRequest",
    "Question",
    "RunScores",
    "draw",
    "figure_table",
    "parse_layers",
    "probe",
    "probe_results",
]
