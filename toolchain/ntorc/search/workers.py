"""Where candidates are trained: Dask workers of this machine, of a scheduler, or of a batch system."""

from __future__ import annotations

import importlib.util
import logging
import queue
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from ntorc.errors import ToolError, UsageError
from ntorc.search.material import Material

if TYPE_CHECKING:
    from distributed import Client, Future

_HERE = "127.0.0.1:0"
"""Dask's status pages: not where other machines reach them."""

_THREADS = {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
_SLURM = "slurm"
_WAIT_S = 120.0


class Pool:
    """Jobs on Dask workers.  A job whose worker dies is done again by another one; ended jobs come by `next`.

    Attributes:
        slots: jobs that run at a time.
    """

    def __init__(self, client: Client, slots: int, material: Material) -> None:
        self._client, self.slots = client, slots
        # part of the graph and not scattered: what dies with its worker is sent again
        self._material = client.submit(_whole, material, key=f"material-{material.digest}")
        self._ended: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._jobs: dict[int, Future[Any]] = {}
        self._places: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._jobs)

    def submit(self, number: int, job: Callable[..., Any], *arguments: Any) -> None:
        """Run ``job(material, *arguments)``; one job a number at a time, where its last one ran if that still is."""
        place = self._places.get(number)
        where = {} if place is None else {"workers": [place], "allow_other_workers": True}
        future = self._client.submit(_placed, job, self._material, *arguments, pure=False, **where)
        self._jobs[number] = future
        future.add_done_callback(lambda _: self._ended.put(number))

    def next(self) -> tuple[int, Any]:
        """The number of the next job that ended, and its result, or the exception that ended it."""
        while True:
            try:
                number = self._ended.get(timeout=1.0)  # a wait without end would not see Ctrl-C
                break
            except queue.Empty:
                continue
        future = self._jobs.pop(number)
        error = future.exception()
        if error is not None:
            return number, error
        self._places[number], result = future.result()
        return number, result


@contextmanager
def opened_pool(
    material: Material,
    workers: int,
    scheduler: str | None = None,
    *,
    processes: bool = True,
    patience_s: float = 20.0,
) -> Iterator[Pool]:
    """Workers for the time of a search.

    Args:
        material: what all jobs work on.
        workers: processes on this machine, or jobs of the batch system.
        scheduler: address of a running Dask scheduler whose workers have ntorc installed; ``slurm`` asks the batch
            system for workers, by dask-jobqueue and its configuration; None for this machine.
        processes: False trains in this process, for tests.
        patience_s: how long to wait for a scheduler's answer.

    Raises:
        ToolError: no scheduler or no worker answers, or dask-jobqueue is not installed.
    """
    from distributed import Client, LocalCluster

    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # of workers that end with their jobs
    with ExitStack() as opened:
        opened.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")  # Dask's, of graphs as large as the runs
        if scheduler is None:
            where: Any = LocalCluster(
                n_workers=workers if processes else 1,
                threads_per_worker=1 if processes else workers,
                processes=processes,
                silence_logs=logging.CRITICAL,
                dashboard_address=_HERE,
                worker_dashboard_address=_HERE,
                **({"env": _THREADS} if processes else {}),
            )
            opened.enter_context(where)
        elif scheduler == _SLURM:
            where = opened.enter_context(_slurm(workers))
        else:
            where = scheduler
        try:
            client = opened.enter_context(Client(where, timeout=patience_s))
            client.wait_for_workers(1, timeout=None if scheduler == _SLURM else _WAIT_S)  # a queue may be long
        except (OSError, ValueError, TimeoutError) as error:
            raise ToolError(
                f"no Dask worker answers at {scheduler or 'this machine'}: {error}",
                "start one: dask worker ADDRESS; or leave out --scheduler",
            ) from error
        slots = workers if scheduler is None else sum(_threads(client.nthreads()))
        yield Pool(client, max(slots, workers if scheduler == _SLURM else 1), material)


def _threads(found: Mapping[str, int]) -> list[int]:
    return [int(count) for count in found.values()]


@contextmanager
def _slurm(workers: int) -> Iterator[Any]:
    """Workers as jobs of Slurm; queue, memory and time come from dask-jobqueue's configuration file."""
    if importlib.util.find_spec("dask_jobqueue") is None:
        raise ToolError("dask-jobqueue is not installed", "install it beside ntorc, or give a scheduler's address")
    from dask_jobqueue import SLURMCluster

    if workers < 1:
        raise UsageError("a search needs at least one worker")
    with SLURMCluster(cores=1, processes=1, memory="4GB") as cluster:
        cluster.scale(jobs=workers)
        yield cluster


def _placed(job: Callable[..., Any], *arguments: Any) -> tuple[str, Any]:
    """A job's result, and the worker that it is from, which has the form's features and compiled steps at hand."""
    from distributed import get_worker

    return str(get_worker().address), job(*arguments)


def _whole(material: Material) -> Material:
    return material
