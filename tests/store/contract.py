"""The contract of every store; a test class inherits it and provides ``store``."""

from __future__ import annotations

from pathlib import Path

import pytest

from ntorc.errors import StorageError
from ntorc.store.base import Observation, Store


def fill(folder: Path) -> None:
    (folder / "sub").mkdir(exist_ok=True)
    (folder / "a.txt").write_text("a")
    (folder / "sub" / "b.bin").write_bytes(b"\0b")


class StoreContract:
    """What `ntorc.store.base.Store` promises."""

    def test_a_stage_is_absent_then_whole(self, store: Store) -> None:
        assert store.get("kind", "k1") is None
        assert not store.begun("kind", "k1")
        with store.work("kind", "k1") as folder:
            assert not store.begun("kind", "k1")
            fill(folder)
            assert store.get("kind", "k1") is None
            place = store.put("kind", "k1", folder)
        assert store.get("kind", "k1") == place
        assert store.begun("kind", "k1")
        assert (place / "sub" / "b.bin").read_bytes() == b"\0b"
        assert store.get("other", "k1") is None

    def test_unfinished_work_is_kept_and_not_taken_for_whole(self, store: Store) -> None:
        def interrupted() -> None:
            with store.work("kind", "k2") as folder:
                (folder / "half").write_text("x")
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert store.get("kind", "k2") is None
        assert store.begun("kind", "k2")
        with store.work("kind", "k2") as folder:
            assert (folder / "half").read_text() == "x"

    @pytest.mark.parametrize("damage", ["alter", "remove"])
    def test_altered_stages_are_reported(self, store: Store, damage: str) -> None:
        with store.work("kind", "k3") as folder:
            fill(folder)
            place = store.put("kind", "k3", folder)
        if damage == "alter":
            (place / "a.txt").write_text("b")
        else:
            (place / "a.txt").unlink()
        with pytest.raises(StorageError, match="altered"):
            store.get("kind", "k3")

    def test_runs_are_kept_newest_first(self, store: Store) -> None:
        from dataclasses import replace

        records = [store.new_run(f"command {n}") for n in range(3)]
        store.save_run(replace(records[1], state="met", summary={"verdict": "met", "n": 1.5}))
        found = store.runs()
        assert [record.run for record in found] == [record.run for record in reversed(records)]
        assert found[1].summary == {"verdict": "met", "n": 1.5}
        assert all(Path(record.folder).is_dir() for record in found)

    def test_observations_are_kept_once_and_selected(self, store: Store) -> None:
        first = Observation("post_synthesis", "native", "xc7z020", "s", "d", {"lut": 5.0}, "yosys", "r1")
        cycles = Observation("simulated_cycles", "native", "any", "n", "d", {"latency_cycles": 9.0}, "probe")
        other = Observation("post_synthesis", "hls4ml", "xc7z020", "s", "d", {"lut": 7.0}, "csynth")
        assert store.observe([first, cycles, other]) == 3
        again = Observation(
            *(getattr(first, name) for name in ("source", "backend", "device", "subject", "directive")),
            {"lut": 5.0},
            "yosys",
            "r2",
        )
        assert store.observe([again]) == 0
        assert list(store.observations("native")) == [first, cycles]
        assert list(store.observations("native", "xc7z010")) == [cycles]
        assert list(store.observations("hls4ml", "xc7z020")) == [other]
