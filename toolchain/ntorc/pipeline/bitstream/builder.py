"""A project's steps on another computer by the user's own OpenSSH: files there, ``run.sh`` there, products back.

The builder needs sh, tar and the tools.  A project's folder there is named by its digest, so that the same command
finds what an earlier one has done.  The run belongs to the builder: a lost connection leaves it running, and the same
command follows it again; Ctrl-C here ends it there, and what was done stays.
"""

from __future__ import annotations

import io
import shlex
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from ntorc.backends.bitstream.detect import QUESTIONS, Found, found_as
from ntorc.backends.bitstream.execute import Event, Follower, failure
from ntorc.backends.bitstream.project import LOGS, PLAN, PRODUCTS, REPORTS, STATE, Written
from ntorc.backends.bitstream.script import PROCESSES
from ntorc.deploy.ssh import DEFAULT_ROOT, SshAddress, SshClient, why_not
from ntorc.errors import ToolError
from ntorc.progress import Progress

_BACK = (LOGS, REPORTS, STATE, PRODUCTS)
_MOST_BYTES = 4 << 30
_UPLOAD_LIMIT_S = 600.0
_DOWNLOAD_LIMIT_S = 1800.0
_ASK_LIMIT_S = 600.0
_LOST = 255  # of ssh
SETTINGS = "settings.sh"
"""File in the builder's folder that is sourced first: PATH of the tools, licences."""

_FIND = """\
set -e
root={root}
mkdir -p "$root/{name}"
cd "$root/{name}"
"""
_KNOWN = _FIND + "if [ -f plan.json ]; then cat plan.json; fi\n"
_UNPACK = _FIND + "tar -x -f -\n"
_OURS = _FIND + "set +e\n{processes}\n"
_FOLLOW = (
    _OURS
    + """\
if [ -f "$root/settings.sh" ]; then . "$root/settings.sh"; fi
if is_ours state/running; then
  run=$pid
else
  : >run.out
  nohup sh run.sh >run.out 2>&1 </dev/null &
  run=$!
fi
began=$(started "$run")
shown=0
seen=
while :; do
  over=1
  if [ -n "$began" ] && [ "$(started "$run")" = "$began" ]; then over=0; fi
  total=$(wc -l <run.out)
  if [ "$total" -gt "$shown" ]; then
    sed -n "$((shown + 1)),${{total}}p" run.out
    shown=$total
  fi
  # what the running step says: its newest lines, whenever there are more
  log=$(ls -t logs/*.[0-9]*.log 2>/dev/null | head -n 1)
  if [ -n "$log" ]; then
    now="$log $(wc -c <"$log")"
    if [ "$now" != "$seen" ]; then tail -c 4000 "$log" | sed 's/^/ntorc: said /'; echo; seen=$now; fi
  fi
  if [ "$over" -ne 0 ]; then break; fi
  sleep 1
done
"""
)
_STOP = (
    _OURS
    + """\
# the script ends its step; without it the step's tool is ended, or none: never a process that is not known to be theirs
for file in state/running state/step; do
  if is_ours "$file"; then
    kill -TERM "$pid"
    for attempt in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
      is_ours "$file" || exit 0
      sleep 2
    done
    exit 0
  fi
done
"""
)
_ASK = """\
root={root}
if [ -f "$root/settings.sh" ]; then . "$root/settings.sh"; fi
"""
_ASK_ONE = """\
if command -v {name} >/dev/null 2>&1; then
  echo "ntorc:found {name}"
{questions}fi
"""
_QUESTION = """  timeout 120 {words} </dev/null 2>&1 | head -n 20 | sed 's/^/ntorc:said {name} /'
"""
_PACK = _FIND + 'for name in {back}; do mkdir -p "$name"; done\ntar -c -f - {back}\n'


class Builder:
    """A computer with the tools.

    Args:
        client: that reaches it; its address' folder is where projects lie, ``~/.cache/ntorc-builds`` if left out.
        progress: for messages.
    """

    def __init__(self, client: SshClient, progress: Progress) -> None:
        self._client, self._progress = client, progress
        root = client.address.root
        self._root = '"$HOME/.cache/ntorc-builds"' if root == DEFAULT_ROOT else shlex.quote(root)

    def run(self, folder: Path, written: Written) -> None:
        """Do a written project's steps there, and bring back logs, reports and products.

        Raises:
            DeploymentError: it cannot be reached.
            ToolError: a step failed there, or the connection was lost.
        """
        self._send(folder, written)
        follower = Follower(self._progress, written.steps)
        try:
            status, said = self._follow(written, follower)
        except BaseException:
            self._client.run(self._script(_STOP, written), limit_s=120.0)
            raise
        if status == _LOST:
            known = why_not(self._client.address, said)
            raise known or ToolError(
                f"the connection to {self._client.address} was lost",
                "the run goes on there: the same command follows it",
            )
        self._fetch(folder, written)
        if follower.end is not None:
            raise failure(folder, written.steps, follower.end)
        if any(not (folder / STATE / f"{step.name}.done").is_file() for step in written.steps):
            raise failure(folder, written.steps, Event("missing", (SETTINGS,)) if status else None)

    def find(self, names: Sequence[str], *, versions: bool = True) -> dict[str, Found]:
        """Programs by name, its settings sourced, those that are nowhere too; with their ``versions``, or without.

        Raises:
            DeploymentError: it cannot be reached.
        """
        script = _ASK.format(root=self._root)
        for name in names:
            asked = QUESTIONS.get(name, ()) if versions else ()
            questions = "".join(_QUESTION.format(name=name, words=shlex.join((name, *words))) for words in asked)
            script += _ASK_ONE.format(name=shlex.quote(name), questions=questions)
        said: dict[str, list[str]] = {}
        for line in self._client.run(script, limit_s=_ASK_LIMIT_S).decode(errors="replace").splitlines():
            what, _, rest = line.partition(" ")
            name, _, text = rest.partition(" ")
            if what == "ntorc:found":
                said[name] = []
            elif what == "ntorc:said" and name in said:
                said[name].append(text)
        where = str(self._client.address)
        return {
            name: found_as(name, where, "\n".join(said[name])) if name in said else Found(name, "", "")
            for name in names
        }

    def _script(self, text: str, written: Written) -> str:
        return text.format(root=self._root, name=written.digest[:32], back=" ".join(_BACK), processes=PROCESSES)

    def _send(self, folder: Path, written: Written) -> None:
        """The project's files, unless they are there."""
        plan = (folder / PLAN).read_bytes()
        if self._client.run(self._script(_KNOWN, written)) == plan:
            self._progress.message(f"  {self._client.address} has this project already")
            return
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w") as archive:
            for name in [*sorted(written.files), PLAN]:  # the plan last: with it the project is whole
                archive.add(folder / name, name, recursive=False)
        self._progress.message(f"  {len(content.getvalue()) / 1e6:.1f} MB to {self._client.address}")
        self._client.run(self._script(_UNPACK, written), content.getvalue(), _UPLOAD_LIMIT_S)

    def _follow(self, written: Written, follower: Follower) -> tuple[int, str]:
        process = subprocess.Popen(
            self._client.words(self._script(_FOLLOW, written)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            for line in process.stdout:
                follower.line(line)
            said = process.stderr.read()
            return process.wait(), said
        except BaseException:
            process.kill()
            process.wait()
            raise

    def _fetch(self, folder: Path, written: Written) -> None:
        """What the tools left; nothing that an archive names can lie elsewhere or be a link.

        Raises:
            ToolError: the archive is none, too large, or names something else.
        """
        content = self._client.run(self._script(_PACK, written), limit_s=_DOWNLOAD_LIMIT_S)
        wrong = ToolError(f"{self._client.address} sent something else than a project's products", "see its folder")
        try:
            with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                members = archive.getmembers()
                if sum(member.size for member in members) > _MOST_BYTES:
                    raise wrong
                for member in members:
                    path = PurePosixPath(member.name)
                    if path.is_absolute() or ".." in path.parts or path.parts[0] not in _BACK:
                        raise wrong
                    if not (member.isfile() or member.isdir()):
                        raise wrong
                archive.extractall(folder, members=members, filter="data")
        except tarfile.TarError as error:
            raise wrong from error
        for name in ("running", "step", "lock"):
            (folder / STATE / name).unlink(missing_ok=True)


def builder_at(host: str, config: Path | None, progress: Progress) -> Builder:
    """A builder by its address, ``ssh://user@host[:port][/folder]``.

    Raises:
        UsageError: it is no such address.
    """
    return Builder(SshClient(SshAddress.parse(host), config), progress)
