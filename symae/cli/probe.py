"""`symae probe`: figure 3."""

from __future__ import annotations

from pathlib import Path

import click

from symae.cli import completion, voice

__all__ = ["probe"]


@click.command(
    short_help="Probe what each layer of each run knows (figure 3).", context_settings={"show_default": True}
)
@click.argument(
    "runs", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="RUN...", shell_complete=completion.runs
)
@click.option("--data", required=True, help="Set with classes and a test part: a folder, tar shards, or a name.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for probe.json, .png and .svg.")
@click.option("--labels", default=4000, type=click.IntRange(0), help="Training images, class-balanced; 0: all.")
@click.option("--layers", default="all", metavar="LIST", help="Convolutions, counted from 1, such as 1,4,6-8.")
@click.option("--seed", default=0, help="Of which images, and of all that is drawn.")
@click.option("--device", default="auto", help="auto, cpu, cuda or cuda:N.")
@click.option(
    "--record", type=click.Path(path_type=Path), help="Append a result for each RUN, with its origin, to this .jsonl."
)
def probe(
    runs: tuple[Path, ...],
    data: str,
    out: Path,
    labels: int,
    layers: str,
    seed: int,
    device: str,
    record: Path | None,
) -> None:
    """Probe each layer of each RUN with its features fixed (figure 3): does it know classes, does it keep the image?

    On 4,000 training images a softmax regression and a small stack of deconvolutions are trained for each layer,
    and measured on the test part; beside them a linear probe and nearest neighbours of the last layer, pooled.
    Layers that are in --out already are kept: after an interruption the same command goes on, and further runs
    join the figure.

    \b
    Examples:
      symae probe runs/shortcut runs/no-shortcut runs/classify --data CIFAR10 --out figure3/
    """
    from symae.probe import ProbeRequest, Question, figure_table, parse_layers, probe_results
    from symae.probe import probe as run_probes
    from symae.results import append_result

    request = ProbeRequest(runs, Question(data, labels, seed), out, parse_layers(layers), device)
    with voice.progress("MFLOP") as progress:
        figure = run_probes(request, progress)
    if record is not None:
        for result in probe_results(request, figure):
            append_result(record, result)
    voice.console().print(figure_table(figure))
    voice.note(f"{out}: probe.json, probe.png, probe.svg")
