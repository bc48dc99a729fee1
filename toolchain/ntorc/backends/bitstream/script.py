"""``run.sh`` of a project: the one way in which its steps are run, here, on a builder behind SSH, or by hand.

It prints one line an event, which `ntorc.backends.bitstream.execute` reads:

    ntorc: start STEP            ntorc: done STEP SECONDS       ntorc: kept STEP (done before)
    ntorc: failed STEP STATUS    ntorc: missing PROGRAM, ...    ntorc: busy PID
    ntorc: left PID              ntorc: note TEXT

One run at a time works in a folder.  It holds a lock (``state/lock``) that all it starts holds too, so that a held lock
means that something of it still runs: the script itself (busy), or a tool that outlived it (left).  Processes are named
by number and start (``state/running``, ``state/step``), since numbers are used again; no other is ever signalled.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ntorc.errors import DataError

if TYPE_CHECKING:
    from ntorc.backends.bitstream.project import Step

TIMED_OUT = 124  # of `timeout` (coreutils), also from its own exit when it had to kill: 137
_NAME = re.compile(r"[A-Za-z0-9_.+-]{1,100}")

PROCESSES = """\
# started PID: when a process began, in ticks since the machine's start (/proc), or as ps says it; none that has ended
started() {
  if [ -r /proc/self/stat ]; then
    stat=
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    set -- ${stat##*) }
    if [ "$1" != Z ]; then echo "${20}"; fi
  else
    ps -o lstart= -p "$1" 2>/dev/null | tr -d ' '
  fi
}
# is_ours FILE: the process that it names by number and start still runs; its number in $pid
is_ours() {
  pid= start=
  if [ -f "$1" ]; then read -r pid start <"$1" || :; fi
  [ -n "$start" ] && [ "$(started "$pid")" = "$start" ]
}
"""
"""Shell functions by which a run's recorded processes are known; a builder's scripts use them too."""

_HEAD = """\
#!/bin/sh
# {name}: the steps that are not done yet.  The same command goes on where an earlier one ended.
{notes}cd "$(dirname "$0")" || exit 1
mkdir -p logs state reports products || exit 1
# Who listens may have died: a step that ends well is done all the same.  Not ignored, which tools would inherit.
trap : PIPE

{processes}
occupied() {{
  if is_ours state/running; then echo "ntorc: busy $pid"; exit 3; fi
  if is_ours state/step || has_left; then echo "ntorc: left $pid"; exit 3; fi
}}
# has_left: a group whose first process has ended has members still; its number is not used again as long as it has
has_left() {{ [ -n "$pid" ] && ! kill -0 "$pid" 2>/dev/null && kill -0 "-$pid" 2>/dev/null; }}

# the lock is held by all that this script starts, as they inherit it
exec 9>>state/lock || exit 1
locked=0
if command -v flock >/dev/null 2>&1; then
  flock -n 9 && locked=1 || {{
    if [ $? -eq 1 ]; then
      occupied
      echo "ntorc: left 0"
      exit 3
    fi
    echo "ntorc: note this folder's disk has no locks: runs are told apart by the numbers of their processes alone"
  }}
else
  echo "ntorc: note there is no flock here (util-linux): runs are told apart by the numbers of their processes alone"
fi
if [ "$locked" -eq 0 ]; then
  occupied
  rm -f state/running
  set -C  # the one that makes the file first goes on
  {{ echo "$$ $(started $$)" >state/running; }} 2>/dev/null || {{ echo "ntorc: busy 0"; exit 3; }}
  set +C
else
  echo "$$ $(started $$)" >state/running
fi
rm -f state/step
child=
stop() {{
  trap - INT TERM HUP
  if [ -n "$child" ]; then kill -TERM "$child" 2>/dev/null; wait "$child" 2>/dev/null; fi
  rm -f state/running state/step
  exit 130
}}
trap stop INT TERM HUP
trap 'rm -f state/running state/step' EXIT

# step NAME LIMIT PRODUCT... -- COMMAND...
step() {{
  name=$1 limit=$2
  shift 2
  products=
  while [ "$1" != -- ]; do products="$products $1"; shift; done
  shift
  attempt=1
  while [ -f "logs/$name.$attempt.log" ]; do attempt=$((attempt + 1)); done
  echo "ntorc: start $name"
  began=$(date +%s)
  for product in $products; do rm -f "$product"; done
  # in a process group of its own, so that what a tool's wrapper has started ends with it; 9 is the lock
  timeout -k 30 "$limit" "$@" >"logs/$name.$attempt.log" 2>&1 </dev/null 9>&9 &
  child=$!
  echo "$child $(started "$child")" >state/step
  wait "$child"
  status=$?
  child=
  rm -f state/step
  for product in $products; do
    if [ "$status" -eq 0 ] && [ ! -s "$product" ]; then
      echo "ntorc: no $product" >>"logs/$name.$attempt.log"
      status=90
    fi
  done
  if [ "$status" -ne 0 ]; then
    echo "ntorc: failed $name $status"
    exit 1
  fi
  # before it is said: whoever listens may be gone
  : >"state/$name.done"
  echo "ntorc: done $name $(($(date +%s) - began))"
}}
missing() {{
  echo "ntorc: missing $*"
  exit 2
}}
"""
_KEPT = 'if [ -f state/{name}.done ]; then echo "ntorc: kept {name}"\n'


def run_script(name: str, steps: Sequence[Step], notes: Sequence[str]) -> str:
    """The script's text.

    Raises:
        DataError: a step's name or product could not be a word of a shell.
    """
    commented = "".join(f"# {_line(note)}\n" for note in notes)
    lines = [_HEAD.format(name=_line(name), notes=commented, processes=PROCESSES)]
    for step in steps:
        for word in (step.name, *(part for product in step.products for part in product.split("/"))):
            if not _NAME.fullmatch(word):
                raise DataError(f"{word!r} can be no step's or product's name", "use letters, digits and _.+-")
        products = " ".join(step.products)
        lines.append(f"\n# {_line(step.what)}\n{_KEPT.format(name=step.name)}")
        for command in step.commands:
            words = " ".join(shlex.quote(word) for word in command)
            lines.append(
                f"elif command -v {shlex.quote(command[0])} >/dev/null 2>&1; then\n"
                f"  step {step.name} {step.limit_s} {products} -- \\\n    {words}\n"
            )
        programs = ", ".join(dict.fromkeys(command[0] for command in step.commands))
        lines.append(f"else missing {shlex.quote(programs)}\nfi\n")
    lines.append('\necho "ntorc: all done"\n')
    return "".join(lines)


def _line(text: str) -> str:
    """One line for a comment, whatever the text."""
    return re.sub(r"[^\x20-\x7e]", " ", text)
