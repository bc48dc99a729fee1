"""Splits FINN's lock: torch with what only its build for graphics cards needs, and everything else.

    python split_finn.py ALL FOLDER
"""

import re
import sys
from pathlib import Path

_CARDS = re.compile(r"(torch|triton|nvidia-[\w-]+|cuda-[\w-]+)==")


def main(everything: Path, folder: Path) -> None:
    """Write ``finn.txt`` and ``finn-torch.txt``."""
    blocks = re.split(r"\n(?=[a-z])", everything.read_text(encoding="utf-8").strip())
    torch = [block for block in blocks if _CARDS.match(block)]
    rest = [block for block in blocks if not _CARDS.match(block)]
    (folder / "finn.txt").write_text("\n".join(rest) + "\n", encoding="utf-8")
    (folder / "finn-torch.txt").write_text("\n".join(torch) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
