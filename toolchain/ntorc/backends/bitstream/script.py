"""``run.sh`` of a project: the one way in which its steps are run, here, on a builder behind SSH, or by hand.

It prints one line an event, which `ntorc.backends.bitstream.execute` reads:

    ntorc: start STEP            ntorc: done STEP SECONDS       ntorc: kept STEP (done before)
    ntorc: failed STEP STATUS    ntorc: missing PROGRAM, ...    ntorc: busy PID
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

_HEAD = """\
#!/bin/sh
# {name}: the steps that are not done yet.  The same command goes on where an earlier one ended.
{notes}cd "$(dirname "$0")" || exit 1
mkdir -p logs state reports products || exit 1

if [ -f state/running ] && kill -0 "$(cat state/running)" 2>/dev/null; then
  echo "ntorc: busy $(cat state/running)"
  exit 3
fi
echo $$ >state/running
child=
stop() {{
  trap - INT TERM HUP
  if [ -n "$child" ]; then kill -TERM "$child" 2>/dev/null; wait "$child" 2>/dev/null; fi
  rm -f state/running
  exit 130
}}
trap stop INT TERM HUP
trap 'rm -f state/running' EXIT

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
  # in a process group of its own, so that what a tool's wrapper has started ends with it
  timeout -k 30 "$limit" "$@" >"logs/$name.$attempt.log" 2>&1 </dev/null &
  child=$!
  wait "$child"
  status=$?
  child=
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
  echo "ntorc: done $name $(($(date +%s) - began))"
  : >"state/$name.done"
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
    lines = [_HEAD.format(name=_line(name), notes="".join(f"# {_line(note)}\n" for note in notes))]
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
