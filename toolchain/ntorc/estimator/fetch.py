"""Fetching the published DROPBEAR runs: pinned commits, pinned SHA-256, resumable.

``published_runs.json`` lists the files of the N-TORC repository whose contents are known, with
the commit and the SHA-256 of each.  The digests are of the recorded series printed as the
publisher prints them (shortest float32 decimals, joined by a comma and a space); for eight of the
published files the length and one end were compared with that text and agree.  Published runs that
are not in the list are not fetched: nothing would tell a damaged file from the original.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ntorc import records
from ntorc.errors import DataError
from ntorc.estimator.readers import read_folder
from ntorc.estimator.runs import INDEX_NAME, Runs
from ntorc.progress import Progress, Silent

BASE_URL = "https://raw.githubusercontent.com"
_DOWNLOADS = "published"
_OFFLINE = (
    "check the network or proxy (HTTPS_PROXY) and run the command again, it goes on where it stopped; "
    "without a network: copy the files into a folder and give it with --data, or use `ntorc data simulate`"
)


@dataclass(frozen=True)
class PublishedFile:
    """One file of the published data: where it is and what it must contain."""

    commit: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class PublishedRuns:
    """The list of files: ``folder`` and the names are paths inside ``repository``."""

    repository: str
    folder: str
    licence: str
    files: dict[str, PublishedFile]


def published_runs() -> PublishedRuns:
    """The list that comes with the program."""
    return records.load(PublishedRuns, Path(__file__).with_name("published_runs.json"))


def fetch_public_runs(
    folder: Path,
    *,
    published: PublishedRuns | None = None,
    base_url: str = BASE_URL,
    progress: Progress | None = None,
) -> Runs:
    """Download the published runs into ``folder``, verify each file, and save them as `Runs`.

    A folder that already holds them is only checked.

    Args:
        folder: where ``runs.json`` and one .npz a run are written.
        published: the files; those of the N-TORC repository by default.
        base_url: a mirror laid out as ``BASE_URL/<repository>/<commit>/<path>``.
        progress: told of each file.

    Raises:
        DataError: no network, a file that is not there, or one that is not what was published.
        StorageError: the folder cannot be written.
    """
    progress = progress or Silent()
    published = published or published_runs()
    source = f"{published.repository} ({published.licence})"
    if (folder / INDEX_NAME).is_file():
        runs = Runs.load(folder)
        if runs.source == source:
            progress.message(f"{folder} already holds the {len(runs)} published runs")
            return runs
        raise DataError(f"{folder} already holds other runs ({runs.source})", "give an empty folder with --out")
    downloads = folder / _DOWNLOADS
    total_mb = sum(file.bytes for file in published.files.values()) / 1e6
    progress.message(f"fetching {len(published.files)} files, {total_mb:.0f} MB, from {published.repository}")
    for number, (name, file) in enumerate(published.files.items()):
        path = quote(f"{published.repository}/{file.commit}/{published.folder}/{name}")
        _download(f"{base_url}/{path}", file.sha256, downloads / Path(name).name)
        progress.step("files fetched", number + 1, len(published.files))
    read = read_folder(downloads, progress=progress)
    runs = Runs(read.runs, source)
    runs.save(folder)
    shutil.rmtree(downloads, ignore_errors=True)  # the text is ten times the size of what was saved
    return runs


def _download(url: str, sha256: str, target: Path) -> None:
    """Download one file unless it is there already, and verify it."""
    import logging

    import pooch
    import requests

    pooch.get_logger().setLevel(logging.ERROR)
    try:
        with records.storage_errors(target):
            pooch.retrieve(
                url,
                known_hash=f"sha256:{sha256}",
                fname=target.name,
                path=target.parent,
                downloader=pooch.HTTPDownloader(timeout=30),
            )
    except requests.exceptions.HTTPError as error:
        raise DataError(f"{url} was refused: {error}", "the publisher may have moved it; " + _OFFLINE) from error
    except requests.exceptions.RequestException as error:
        raise DataError(f"cannot reach {url}: {_reason(error)}", _OFFLINE) from error
    except ValueError as error:  # how pooch reports a wrong checksum
        raise DataError(
            f"{target.name} as downloaded is not the file that was published (its SHA-256 differs)",
            "it was not kept; a proxy may have replaced it: try another network",
        ) from error


def _reason(error: Exception) -> str:
    text = str(getattr(error, "args", [""])[0] if error.args else error)
    return text if len(text) <= 200 else text[:200] + "..."


def published_names() -> list[str]:
    """Names of the published runs that can be fetched, sorted."""
    suffix = "_acc_new.txt"
    names = {Path(name).name for name in published_runs().files}
    return sorted(name.removesuffix(suffix) for name in names if name.endswith(suffix))
