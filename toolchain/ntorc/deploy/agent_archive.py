"""The agent as one file that Python runs, and the scripts that bring and start it on a board."""

from __future__ import annotations

import hashlib
import io
import shlex
import zipfile
from dataclasses import dataclass
from pathlib import Path

from ntorc.paths import project_root

_MAIN = b"import sys\n\nfrom ntorc_board.__main__ import main\n\nsys.exit(main())\n"
_TIME = (1980, 1, 1, 0, 0, 0)
MISSING = "AgentMissing"

# A PYNQ image's own environment; ROOT/python, where it is there, is the Python to use instead.
_ENVIRONMENT = """
for f in /etc/profile.d/pynq_venv.sh /etc/profile.d/xrt_setup.sh; do
  if [ -r "$f" ]; then . "$f" >/dev/null 2>&1 || :; fi
done
p=python3
if [ -x /usr/local/share/pynq-venv/bin/python3 ]; then p=/usr/local/share/pynq-venv/bin/python3; fi
if [ -x "$r/python" ]; then p=$r/python; fi
"""

# As root where the folder, or the nearest one above it that is there, is not the user's to write.
_BECOME = """
d=$r
while [ ! -e "$d" ]; do d=$(dirname "$d"); done
if [ -w "$d" ]; then exec sh -c "$1" ntorc; else exec sudo -n -- sh -c "$1" ntorc; fi
"""


@dataclass(frozen=True)
class AgentArchive:
    """The agent's file and its SHA-256 (hex), which is its name on a board."""

    content: bytes
    digest: str


def agent_archive() -> AgentArchive:
    """The agent of this version: equal sources give equal bytes."""
    folder = project_root() / "board" / "ntorc_board"
    files = {f"ntorc_board/{path.name}": path.read_bytes() for path in _sources(folder)}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted({**files, "__main__.py": _MAIN}.items()):
            entry = zipfile.ZipInfo(name, _TIME)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    content = buffer.getvalue()
    return AgentArchive(content, hashlib.sha256(content).hexdigest())


def _sources(folder: Path) -> list[Path]:
    return sorted([*folder.glob("*.py"), *folder.glob("*.json")])


def start_script(root: str, digest: str, owner: str) -> str:
    """A shell script that becomes the agent, or prints a line that says that it is not there.

    Args:
        root: the agent's folder, checked by `SshAddress`.
        digest: of the agent's file.
        owner: checked by `clean_owner`.
    """
    missing = f'{{"ok": false, "kind": "{MISSING}", "error": "the agent is not there", "hint": ""}}'
    inner = f"""r={shlex.quote(root)}
a=$r/agent/{digest}.pyz
if [ ! -r "$a" ]; then echo {shlex.quote(missing)}; exit 0; fi
{_ENVIRONMENT}
exec "$p" "$a" --root "$r" --owner {shlex.quote(owner)}
"""
    return _as_the_right_user(root, inner)


def install_script(root: str, digest: str) -> str:
    """A shell script that takes the agent's file on its input: whole at its place, or not there."""
    inner = f"""r={shlex.quote(root)}
umask 022
set -e
mkdir -p "$r/agent"
find "$r/agent" -name '.new.*' -mmin +60 -exec rm -f {{}} + 2>/dev/null || :
t=$(mktemp "$r/agent/.new.XXXXXX")
trap 'rm -f "$t"' EXIT
cat >"$t"
echo "{digest}  $t" | sha256sum -c >/dev/null
chmod 644 "$t"
sync "$t"
mv -f "$t" "$r/agent/{digest}.pyz"
sync "$r/agent"
trap - EXIT
"""
    return _as_the_right_user(root, inner)


def _as_the_right_user(root: str, inner: str) -> str:
    return f"r={shlex.quote(root)}\nset -- {shlex.quote(inner)}\n{_BECOME}"
