"""A project: files and steps as data, for a machine that has the tools.  Making one runs nothing.

Written to a folder it is complete: ``sh run.sh`` there, with the tools on PATH, does the steps that are not done yet.
Equal input gives equal bytes, and `Project.digest` names them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from ntorc.backends.bitstream.script import run_script
from ntorc.errors import BundleError, StorageError
from ntorc.folders import check_own
from ntorc.records import digest_of, digest_of_file, load, save, write_if_changed

PLAN = "plan.json"
RUN = "run.sh"
FORMAT = "ntorc-project-2"
"""Of the second on, files that no tool reads are among the digests too."""
LOGS, STATE, REPORTS, PRODUCTS = "logs", "state", "reports", "products"


@dataclass(frozen=True)
class Step:
    """One call of a tool.

    Attributes:
        name: of the step, its log and its mark.
        what: it does, for people.
        commands: the argument lists that do it, best first; the first whose program is there is run.
        products: files that it leaves; without one of them it failed, whatever its status.
        limit_s: after which it is ended.
    """

    name: str
    what: str
    commands: tuple[tuple[str, ...], ...]
    products: tuple[str, ...]
    limit_s: int


@dataclass(frozen=True)
class Project:
    """Everything that the tools read, and what is called in which order.

    Attributes:
        name: of the design, for people.
        tool: ``vivado``, ``openxc7``, ...
        part: the device.
        design_id: 16 hex digits, as in the logic's registers.
        clock_hz: that the tools are asked for.
        files: texts by their path in the folder.
        steps: in their order.
        bitstream: the product that is programmed.
        notes: what a reader must know of this way to a bitstream.
    """

    name: str
    tool: str
    part: str
    design_id: str
    clock_hz: float
    files: Mapping[str, str]
    steps: tuple[Step, ...]
    bitstream: str
    notes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over all of it."""
        return digest_of(asdict(self))


@dataclass(frozen=True)
class Written:
    """``plan.json`` of a folder: the project without its texts, which are named by their SHA-256 (hex).

    Attributes:
        name, tool, part, design_id, clock_hz, steps, bitstream, notes, digest: see `Project`.
        files: that the tools read, and ``run.sh``.
        context: that no tool reads: what a bundle of the products is made with.
        format: of this file.
    """

    name: str
    tool: str
    part: str
    design_id: str
    clock_hz: float
    files: dict[str, str]
    steps: tuple[Step, ...]
    bitstream: str
    notes: tuple[str, ...]
    digest: str
    context: dict[str, str] = field(default_factory=dict)
    format: str = FORMAT


def write_project(project: Project, folder: Path) -> Path:
    """Write it; what is there and unchanged keeps its time, and what the tools left stays.

    Raises:
        UsageError: the folder is a file, or holds something else.
        BundleError: it holds another project.
        StorageError: it cannot be written.
    """
    check_own(folder, PLAN, "steps", "project")
    if (folder / PLAN).is_file():
        found = load(Written, folder / PLAN)
        if found.digest != project.digest:
            raise BundleError(f"{folder} holds another project ({found.name})", "name another folder, or remove it")
    for name, text in _texts(project).items():
        write_if_changed(folder / name, text)
    save(written_of(project), folder / PLAN)
    return folder


def written_of(project: Project, context: Mapping[str, str] | None = None) -> Written:
    """What ``plan.json`` states of a project, and of files that no tool reads, by their SHA-256 (hex)."""
    digests = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in _texts(project).items()}
    return Written(
        project.name, project.tool, project.part, project.design_id, project.clock_hz, digests, project.steps,
        project.bitstream, project.notes, project.digest, dict(context or {}),
    )  # fmt: skip


def _texts(project: Project) -> dict[str, str]:
    return {**project.files, RUN: run_script(project.name, project.steps, project.notes)}


def state_context(folder: Path, names: Sequence[str]) -> None:
    """Put the digests of files that no tool reads, and that lie in a written project's folder, into its plan too."""
    written = load(Written, folder / PLAN)
    save(replace(written, context={name: digest_of_file(folder / name) for name in names}), folder / PLAN)


def read_project(folder: Path) -> Written:
    """A project's folder, every file of which must be as it was written.

    Raises:
        BundleError: it is none, or a file was altered.
    """
    if not (folder / PLAN).is_file():
        raise BundleError(f"{folder} is no project (no {PLAN})", "make one: ntorc build NETWORK ... --plan-only")
    try:
        found = load(Written, folder / PLAN)
    except StorageError as error:
        raise BundleError(f"{folder / PLAN} cannot be read: {error.message}", "make the project anew") from error
    if found.format != FORMAT:
        raise BundleError(f"{folder} is of the form {found.format!r}", f"this version knows {FORMAT}")
    for name, digest in {**found.files, **found.context}.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise BundleError(f"{folder / PLAN} names {name!r}, outside of its folder", "make the project anew")
        if not path.is_file() or digest_of_file(path) != digest:
            raise BundleError(
                f"{path} is not as it was written", "products of altered files are not taken; make the project anew"
            )
    return found


def as_json(value: object) -> str:
    """A text for a file of a project."""
    return json.dumps(value, indent=1, sort_keys=True) + "\n"
