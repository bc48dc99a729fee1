"""Reading recorded runs: every accepted form, and no traceback for anything else."""

from __future__ import annotations

import contextlib
import io
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ntorc.errors import DataError, StorageError
from ntorc.estimator.lvm import parse_lvm
from ntorc.estimator.readers import load_runs, read_folder
from ntorc.estimator.runs import Runs

Array = npt.NDArray[np.float32]
SAMPLES = 300


def series() -> tuple[Array, Array]:
    generator = np.random.default_rng(5)
    counts = generator.integers(-3000, 3000, SAMPLES)
    acceleration_v = (counts * (10.0 / 8192.0)).astype(np.float32)
    return acceleration_v, np.linspace(1.2, 3.3, SAMPLES, dtype=np.float32)


def npz_bytes(**arrays: object) -> bytes:
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)  # type: ignore[arg-type]
    return content.getvalue()


def line(values: Array) -> str:
    return ", ".join(str(value) for value in values)


def lvm(
    decimal: str = ".",
    x_columns: str = "One",
    separator: str = "Tab",
    delta_s: float = 2e-4,
    names: tuple[str, str] = ("Acceleration", "Pin position"),
    segments: int = 1,
) -> str:
    """A LabVIEW measurement file as its specification describes it."""
    mark = {"Tab": "\t", "Comma": ","}[separator]
    acceleration_v, position_v = series()
    rows = [
        f"LabVIEW Measurement{mark}",
        f"Writer_Version{mark}2",
        f"Reader_Version{mark}2",
        f"Separator{mark}{separator}",
        f"Decimal_Separator{mark}{decimal}",
        f"Multi_Headings{mark}Yes",
        f"X_Columns{mark}{x_columns}",
        f"Time_Pref{mark}Relative",
        f"Operator{mark}lab",
        f"Date{mark}2023/04/05",
        f"Time{mark}10:11:12.5",
        f"***End_of_Header***{mark}",
        "",
    ]
    for part in np.array_split(np.arange(SAMPLES), segments):
        delta = f"{delta_s:.6E}".replace(".", decimal)
        rows += [
            mark.join(["Channels", "2", ""]),
            mark.join(["Samples", str(part.size), str(part.size), ""]),
            mark.join(["Date", "2023/04/05", "2023/04/05", ""]),
            mark.join(["Y_Unit_Label", "Volts", "Volts", ""]),
            mark.join(["X0", "0" + decimal + "0E+0", "0" + decimal + "0E+0", ""]),
            mark.join(["Delta_X", delta, delta, ""]),
            f"***End_of_Header***{mark}{mark}",
        ]
        head = ["X_Value", names[0], "X_Value", names[1]] if x_columns == "Multi" else ["X_Value", *names]
        rows.append(mark.join([*head, "Comment"]))
        for n in part:
            x = "" if x_columns == "No" else f"{n * delta_s:.6f}"
            cells = [x, f"{acceleration_v[n]:.7f}"] + ([x] if x_columns == "Multi" else []) + [f"{position_v[n]:.7f}"]
            rows.append(mark.join(cell.replace(".", decimal) for cell in cells))
    return "\n".join(rows) + "\n"


def assert_series(runs: Runs, name: str) -> None:
    acceleration_v, position_v = series()
    np.testing.assert_allclose(runs[name].acceleration_v, acceleration_v, atol=1e-6)
    np.testing.assert_allclose(runs[name].position_v, position_v, atol=1e-6)


def test_all_forms_in_one_folder(tmp_path: Path) -> None:
    acceleration_v, position_v = series()
    (tmp_path / "one_test0.npz").write_bytes(npz_bytes(acc=acceleration_v, pin=position_v))
    (tmp_path / "two_test0.txt").write_text(line(acceleration_v) + "\n" + line(position_v) + "\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "three_test0_acc_new.txt").write_text(line(acceleration_v))
    (tmp_path / "sub" / "three_test0_pin_new.txt").write_text(line(position_v) + ",\r\n")
    (tmp_path / "four_test0.lvm").write_text(lvm())
    (tmp_path / "notes.md").write_text("not a run")
    runs = read_folder(tmp_path)
    assert [run.name for run in runs] == ["four_test0", "one_test0", "three_test0", "two_test0"]
    assert runs.sample_rate_hz == 5000.0
    for run in runs:
        assert_series(runs, run.name)


@pytest.mark.parametrize("x_columns", ["No", "One", "Multi"])
@pytest.mark.parametrize("decimal, separator", [(".", "Tab"), (",", "Tab"), (".", "Comma")])
@pytest.mark.parametrize("segments", [1, 3])
def test_labview_files(x_columns: str, decimal: str, separator: str, segments: int) -> None:
    text = lvm(decimal, x_columns, separator, segments=segments)
    acceleration, position, rate_hz = parse_lvm(text, "f")
    assert rate_hz == pytest.approx(5000.0, rel=1e-6)
    np.testing.assert_allclose(acceleration, series()[0], atol=1e-6)
    np.testing.assert_allclose(position, series()[1], atol=1e-6)


def test_labview_channels_are_recognised_by_name() -> None:
    acceleration, position, _ = parse_lvm(lvm(names=("Roller pos", "Accel tip")), "f")
    np.testing.assert_allclose(position, series()[0], atol=1e-6)
    np.testing.assert_allclose(acceleration, series()[1], atol=1e-6)
    acceleration, position, _ = parse_lvm(lvm(names=("Untitled", "Untitled 1")), "f")
    np.testing.assert_allclose(acceleration, series()[0], atol=1e-6)
    np.testing.assert_allclose(position, series()[1], atol=1e-6)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda t: t.replace("LabVIEW Measurement", "Lab", 1), "not a LabVIEW"),
        (lambda t: t[: t.index("***End")], "header does not end"),
        (lambda t: t[: t.rindex("X_Value")], "no samples"),
        (lambda t: t.replace("X_Value\tAcceleration", "Time\tAcceleration"), "before the line that names"),
        (lambda t: t.replace("\tPin position", ""), "1 channels"),
        (lambda t: t[: t.rindex("\t")], "value of Pin position is missing"),
        (lambda t: t.replace("3.3000000", "3.3x"), "not a number"),
        (lambda t: t.replace("Delta_X", "Delta_Y").replace("X_Columns\tOne", "X_Columns\tNo"), "no sample rate"),
        (lambda t: t.replace("2.000000E-04", "1.000000E-04"), "X column says 5000 Hz"),
        (lambda t: t.replace("0.020000\t", "0.020400\t"), "not equally spaced"),
    ],
)
def test_labview_faults_are_named(change: object, message: str) -> None:
    changed = change(lvm())  # type: ignore[operator]
    assert changed != lvm(), "the change must touch the file"
    with pytest.raises(DataError, match=message):
        parse_lvm(changed, "f")


def test_another_sample_rate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "slow.lvm").write_text(lvm(delta_s=1e-3))
    with pytest.raises(DataError, match="1000 Hz"):
        read_folder(tmp_path)
    acceleration_v, position_v = series()
    (tmp_path / "fast.npz").write_bytes(npz_bytes(acc=acceleration_v, pin=position_v))
    with pytest.raises(DataError, match="slow was sampled at 1000 Hz but fast at 5000 Hz"):
        read_folder(tmp_path)


def test_folders_without_runs(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder"):
        read_folder(tmp_path / "nothing")
    with pytest.raises(DataError, match="no runs"):
        read_folder(tmp_path)
    (tmp_path / "f.npz").write_bytes(b"x")
    with pytest.raises(DataError, match="no folder"):
        read_folder(tmp_path / "f.npz")


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("a.npz", b"", "empty"),
        ("a.npz", b"PK\x03\x04garbage", "cannot be read"),
        ("a.npz", npz_bytes(acc=np.ones(300)), "no array named pin"),
        ("a.npz", npz_bytes(acc=np.ones(300), pin=np.ones(299)), "299 position"),
        ("a.npz", npz_bytes(acc=np.array([{}] * 300, dtype=object), pin=np.ones(300)), "cannot be read"),
        ("a.npz", npz_bytes(acc=np.array(["x"] * 300), pin=np.ones(300)), "not one series"),
        ("a.txt", b"1,2,3\n4,5,6\n", "only 3 samples"),
        ("a.txt", b"1,2,x\n4,5,6\n", "not all values are numbers"),
        ("a.txt", b"1,,3\n4,5,6\n", "not all values are numbers"),
        ("a.txt", b"1,2,3\n", "has 1 lines"),
        ("a.txt", b"\xff\xfe\x00\x01\n\x80\n", "not all values are numbers"),
        ("a_acc.txt", b"1,2,3\n", "no partner with the pin"),
        ("a.lvm", b"\x00\x01", "not a LabVIEW"),
    ],
)
def test_faulty_files_are_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as raised:
        read_folder(tmp_path)
    assert name in raised.value.message


def test_a_bare_array_named_npz(tmp_path: Path) -> None:
    with (tmp_path / "a.npz").open("wb") as stream:
        np.save(stream, np.ones(300))
    with pytest.raises(DataError, match="bare array"):
        read_folder(tmp_path)


def test_an_archive_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in ("acc.npy", "pin.npy"):
            with archive.open(name, "w") as member:
                for _ in range(20):
                    member.write(bytes(16 * 1024 * 1024))
    with pytest.raises(DataError, match="unpacks to"):
        read_folder(tmp_path)


def test_not_a_number_in_a_text_file_is_found(tmp_path: Path) -> None:
    acceleration_v, position_v = series()
    words = line(acceleration_v).split(", ")
    (tmp_path / "a.txt").write_text(", ".join([*words[:9], "nan", *words[10:]]) + "\n" + line(position_v))
    with pytest.raises(DataError, match="not a finite number at sample 9"):
        read_folder(tmp_path)


def test_two_files_of_one_series(tmp_path: Path) -> None:
    (tmp_path / "a_acc.txt").write_text("1")
    (tmp_path / "a_acc_new.txt").write_text("1")
    with pytest.raises(DataError, match="both the acc series"):
        read_folder(tmp_path)


def never_a_traceback(folder: Path, name: str, content: bytes) -> None:
    """Reading must give runs or one of our errors; anything else fails the test."""
    (folder / name).write_bytes(content)
    with contextlib.suppress(DataError, StorageError):
        assert all(np.isfinite(run.acceleration_v).all() for run in load_runs(folder))


FUZZ = settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
NAMES = st.sampled_from(["a.npz", "a.txt", "a_acc.txt", "a.lvm", "runs.json"])


@FUZZ
@given(NAMES, st.binary(max_size=400))
def test_random_bytes(tmp_path: Path, name: str, content: bytes) -> None:
    for other in tmp_path.iterdir():
        other.unlink()
    never_a_traceback(tmp_path, name, content)


def valid_files() -> dict[str, bytes]:
    acceleration_v, position_v = series()
    plain = io.BytesIO()
    np.savez(plain, acc=acceleration_v, pin=position_v)
    return {
        "compressed.npz": npz_bytes(acc=acceleration_v, pin=position_v),
        "plain.npz": plain.getvalue(),
        "a.txt": (line(acceleration_v) + "\n" + line(position_v) + "\n").encode(),
        "a.lvm": lvm(decimal=",").encode(),
        "b.lvm": lvm(x_columns="Multi", segments=2).encode(),
    }


@settings(FUZZ, max_examples=400)
@given(st.data())
def test_mutated_valid_files(tmp_path: Path, data: st.DataObject) -> None:
    for other in tmp_path.iterdir():
        other.unlink()
    name, content = data.draw(st.sampled_from(sorted(valid_files().items())))
    mutated = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        kind = data.draw(st.sampled_from(["flip", "cut", "insert", "delete", "repeat"]))
        # headers are short and fragile, so half of the changes go there
        reach = data.draw(st.sampled_from([min(300, len(mutated)), len(mutated)]))
        place = data.draw(st.integers(0, max(reach - 1, 0)))
        if kind == "flip" and mutated:
            mutated[place] ^= 1 << data.draw(st.integers(0, 7))
        elif kind == "cut":
            del mutated[place:]
        elif kind == "insert":
            mutated[place:place] = data.draw(st.binary(max_size=20))
        elif kind == "delete":
            del mutated[place : place + data.draw(st.integers(1, 200))]
        else:
            mutated[place:place] = mutated[place : place + 100]
    never_a_traceback(tmp_path, name, bytes(mutated))
