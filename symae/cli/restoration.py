"""`symae restoration`."""

from __future__ import annotations

from pathlib import Path

import click

from symae.cli import completion, voice

__all__ = ["restoration"]


@click.command(
    short_help="Measure restoration as published denoisers are measured.", context_settings={"show_default": True}
)
@click.argument("run", type=click.Path(path_type=Path), shell_complete=completion.runs)
@click.option(
    "--data", required=True, type=click.Path(path_type=Path), help="Folder of whole images, such as BSD68 or CBSD68."
)
@click.option(
    "--sigma", "sigmas", multiple=True, type=float, default=(15, 25, 50), help="Of the noise, on 0-255; repeatable."
)
@click.option("--ensemble", is_flag=True, help="Also the mean over 8 flips and rotations, at 8 times the cost.")
@click.option("--inpainting", is_flag=True, help="Also missing blocks: PSNR over the missing pixels.")
@click.option("--device", default="auto", help="auto, cpu, cuda or cuda:N.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--record", type=click.Path(path_type=Path), help="Append the result, with its origin, to this .jsonl file."
)
def restoration(
    run: Path,
    data: Path,
    sigmas: tuple[float, ...],
    ensemble: bool,
    inpainting: bool,
    device: str,
    as_json: bool,
    record: Path | None,
) -> None:
    """Measure how an auto-encoder's RUN restores whole images, by the protocol of published denoisers.

    Noise is drawn with one fixed seed for each image and not clipped; PSNR is that of all channels, of the output
    rounded to 8 bits, without a border cut.

    \b
    Examples:
      symae restoration runs/photo --data cbsd68/
      symae restoration runs/photo --data cbsd68/ --sigma 25 --ensemble --inpainting --record results.jsonl
    """
    from symae.restoration import Protocol, measure
    from symae.results import append_result, result_of

    protocol = Protocol(sigmas, ensemble, inpainting)
    with voice.progress("images") as start:
        values = measure(run, data, protocol, device=device, start=start)
    if record is not None:
        append_result(record, result_of(run, str(data), "test", values))
    if as_json:
        voice.result(values)
        return
    for name, value in values.items():
        click.echo(f"{name:32} {value:8.3f}")
