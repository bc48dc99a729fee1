"""``ntorc data``: fetch, describe and simulate runs."""

from __future__ import annotations

from json import loads as parse
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ntorc import paths, records
from ntorc.progress import Console

if TYPE_CHECKING:
    from ntorc.estimator.runs import Runs  # needs NumPy, which commands load only when they run

app = typer.Typer(help="Recorded and simulated runs: fetch, describe, simulate.", no_args_is_help=True)

_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else.")]


def default_folder() -> Path:
    """Where runs are fetched to and read from when no folder is given."""
    return paths.home() / "runs-published"


@app.command(epilog="Example: ntorc data fetch --out my_runs")
def fetch(
    out: Annotated[Path | None, typer.Option(help="Folder to write; default: in the store.")] = None,
    json: _Json = False,
) -> None:
    """Download the published DROPBEAR runs, each file verified by its SHA-256."""
    from ntorc.estimator.fetch import fetch_public_runs

    folder = out or default_folder()
    paths.check_folder(folder)
    console = Console()
    runs = fetch_public_runs(folder, progress=console)
    console.message(f"{len(runs)} runs, {runs.duration_s:.0f} s, in {folder}")
    if json:
        typer.echo(_summary(runs, folder), nl=False)


@app.command(
    epilog="Examples: ntorc data describe --data my_runs | ntorc data describe --data my_runs --signals --plots plots"
)
def describe(
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of runs (.npz, .txt, .lvm); default: the fetched ones."),
    ] = None,
    signals: Annotated[
        bool, typer.Option("--signals", help="Spectra, kurtosis and natural frequencies, beside the simulator's.")
    ] = False,
    plots: Annotated[Path | None, typer.Option(help="Folder for a picture of the spectra (with --signals).")] = None,
    json: _Json = False,
) -> None:
    """Show families, trajectories with their replicas, durations, units, clipping and sensor spikes."""
    from ntorc.errors import DataError
    from ntorc.estimator.description import as_text
    from ntorc.estimator.description import describe as describe_runs
    from ntorc.estimator.readers import load_runs

    if plots is not None:
        paths.check_folder(plots)
    folder = data or default_folder()
    if data is None and not folder.is_dir():
        raise DataError(
            "there are no runs in the store yet",
            "`ntorc data fetch` downloads the published ones, --data DIR reads your own",
        )
    console = Console()
    runs = load_runs(folder, progress=console)
    description = describe_runs(runs)
    text, result = as_text(description), records.to_json(description)
    if signals or plots:
        said, more = _signals(runs, plots, console)
        text += "\n" + said
        result = records.to_json({**parse(result), "signals": more})
    typer.echo(result if json else text, nl=not json)


def _signals(runs: Runs, plots: Path | None, console: Console) -> tuple[str, dict[str, Any]]:
    """The runs' signals beside those of the simulator: in words, and as plain values."""
    from ntorc.estimator.signal_card import cards_text, signal_card
    from ntorc.estimator.simulator import simulate_runs

    console.message("simulating runs to compare with")
    cards = {"these runs": signal_card(runs), "simulated": signal_card(simulate_runs(seed=1, progress=console))}
    text = "accelerations:\n" + cards_text(cards)
    if plots is not None:
        import numpy as np

        from ntorc.report.spectra import spectra_svg

        mine, other = cards.values()
        axis = np.array(mine.spectrum_hz)
        series = [np.maximum(card.spectrum_v2_per_hz, 1e-12) for card in (mine, other)]
        picture = spectra_svg(axis, ("these runs", series[0]), ("simulated", series[1]))
        path = records.write_atomically(plots / "spectra.svg", picture.encode())
        text += f"\npicture: {path}"
    return text, {name: parse(records.to_json(card)) for name, card in cards.items()}


@app.command(epilog="Example: ntorc data simulate --out simulated --seed 1")
def simulate(
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds give equal runs.")] = 0,
    trajectories: Annotated[int, typer.Option(min=1, help="Different motions of the roller.")] = 8,
    replicas: Annotated[int, typer.Option(min=1, help="Runs of each motion.")] = 2,
    seconds: Annotated[float, typer.Option(min=2.0, help="Length of a run in seconds.")] = 10.0,
    varied: Annotated[bool, typer.Option("--varied", help="Each motion on another rig of the kind.")] = False,
    json: _Json = False,
) -> None:
    """Simulate runs of the beam with its moving roller, for work without a rig."""
    from ntorc.errors import DataError
    from ntorc.estimator.simulator import Spread, simulate_runs

    paths.check_folder(out)
    if out.is_dir() and any(out.iterdir()):
        raise DataError(f"{out} is not empty", "give a new folder with --out")
    console = Console()
    runs = simulate_runs(
        seed=seed,
        trajectories=trajectories,
        replicas=replicas,
        duration_s=seconds,
        spread=Spread() if varied else None,
        progress=console,
    )
    runs.save(out)
    console.message(f"{len(runs)} simulated runs, {runs.duration_s:.0f} s, in {out}")
    if json:
        typer.echo(_summary(runs, out), nl=False)


def _summary(runs: Runs, folder: Path) -> str:
    return records.to_json(
        {
            "folder": str(folder),
            "runs": [run.name for run in runs],
            "duration_s": runs.duration_s,
            "sample_rate_hz": runs.sample_rate_hz,
            "digest": runs.digest,
            "source": runs.source,
        }
    )
