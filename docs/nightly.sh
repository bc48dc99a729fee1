#!/bin/sh
# A night's hardware-in-the-loop tests on one board, with JUnit output for the lab's CI server.
#   docs/nightly.sh pynq-z2 ssh://xilinx@pynq /var/lib/ci/results
# Without a board:  docs/nightly.sh pynq-z2 virtual results
# Status: pytest's, so that a red test makes a red night.
set -eu
board=${1:?board, for example pynq-z2}
target=${2:?target, for example ssh://xilinx@pynq}
results=${3:?folder for the results}
cd "$(dirname "$0")/.."
mkdir -p "$results"
exec .venv/bin/python -m pytest tests/hil -p ntorc.testing --board "$board" --target "$target" \
  --junitxml "$results/hil-$(date -u +%Y%m%d).xml"
