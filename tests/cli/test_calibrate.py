"""``ntorc calibrate`` for hls4ml: measurements taken in, the data card, the refit, wrong usage."""

from __future__ import annotations

import json
from pathlib import Path

from cli_program import Program

_TABLE = """\
source,tool,device,clock_hz,kind,n_in,size,length,pack,reuse_factor,latency_cycles,lut,ff,dsp,bram18
csynth,Vitis HLS 2023.2,xc7z020clg400-1,100e6,conv,16,16,64,0,48,3828,5000,3000,16,7
post_route,Vivado 2023.2,xc7z020clg400-1,100e6,conv,16,16,64,0,48,,1900,2500,16,7
"""


def test_measurements_are_stored_once_and_shown(fresh_program: Program, tmp_path: Path) -> None:
    path = tmp_path / "layers.csv"
    path.write_text(_TABLE)
    first = fresh_program.json("calibrate", "--backend", "hls4ml", "--measurements", path)
    assert first["added"] == 2
    assert [item["source"] for item in first["observations"]] == ["csynth", "post_route"]
    assert first["drift"]["lut"]["measurements"] == 2
    assert not first["drift"]["lut"]["is_found"]
    again = fresh_program("calibrate", "--backend", "hls4ml", "--measurements", path)
    assert again.returncode == 0
    assert "0 new of 2" in again.stdout
    assert "no drift" in again.stdout


def test_the_card_and_the_refit(fresh_program: Program, recorded_data: Path, tmp_path: Path) -> None:
    card = fresh_program.json("calibrate", "--backend", "hls4ml", "--describe", "--data", recorded_data)
    assert card["kinds"]["conv"]["plain_join_rows"] == 346_934
    assert card["kinds"]["conv"]["repaired_columns"] == ["sequence_length"]
    assert card["kinds"]["dense"]["repaired_columns"] == ["reuse_factor"]
    told = fresh_program("calibrate", "--backend", "hls4ml", "--describe", "--data", recorded_data)
    assert "repaired: sequence_length" in told.stdout
    out = tmp_path / "model.json"
    made = fresh_program.json("calibrate", "--backend", "hls4ml", "--refit", "--data", recorded_data, "--out", out)
    assert made["provenance"]["data_digest"] == card["digest"]
    assert json.loads(out.read_text())["provenance"]["designs"] == 396


def test_wrong_usage_says_what_to_do(fresh_program: Program, tmp_path: Path) -> None:
    for words, code, told in (
        (("--refit",), 2, "characterize"),
        (("--backend", "finn"), 2, "native, hls4ml"),
        (("--backend", "hls4ml", "--describe", "--data", tmp_path), 1, "HeRCLab/N-TORC"),
        (("--backend", "hls4ml", "--measurements", tmp_path / "none.csv"), 1, "reuse_factor"),
    ):
        done = fresh_program("calibrate", *words)
        assert done.returncode == code, done.stderr
        assert told in done.stderr
    assert fresh_program("reproduce", "table9").returncode == 2
