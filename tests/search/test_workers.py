"""Pools: of this process, of a running scheduler, and what is said where there is none."""

from __future__ import annotations

import pytest

from ntorc.errors import ToolError
from ntorc.search.material import Material
from ntorc.search.workers import opened_pool


def total(material: Material, *numbers: int) -> int:
    if not numbers:
        raise ValueError("nothing to add")
    return len(material.runs) + sum(numbers)


def test_a_running_scheduler_does_the_jobs_and_is_left_running(material: Material) -> None:
    from distributed import Client, LocalCluster

    here = "127.0.0.1:0"
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=here, worker_dashboard_address=here
    ) as cluster:
        for _ in range(2):
            with opened_pool(material, 1, cluster.scheduler_address) as pool:
                assert pool.slots == 2, "as many as the scheduler has, whatever was asked"
                for number in range(5):
                    pool.submit(number, total, number, 1)
                pool.submit(9, total)
                found = dict(pool.next() for _ in range(6))
                assert not len(pool)
            assert {number: found[number] for number in range(5)} == {n: len(material.runs) + n + 1 for n in range(5)}
            assert isinstance(found[9], ValueError)
        with Client(cluster) as client:
            assert client.submit(sum, (1, 2)).result() == 3


def test_where_nothing_answers_it_is_said_how_to_start_a_worker(material: Material) -> None:
    with (
        pytest.raises(ToolError, match=r"no Dask worker answers at tcp://127\.0\.0\.1:9"),
        opened_pool(material, 1, "tcp://127.0.0.1:9", patience_s=0.2),
    ):
        pass


def test_without_dask_jobqueue_slurm_is_refused(material: Material, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ToolError, match="dask-jobqueue is not installed"), opened_pool(material, 1, "slurm"):
        pass
