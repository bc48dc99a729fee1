#!/bin/sh
# A night's hardware-in-the-loop tests on one board, with JUnit output for the lab's CI server.
#   docs/nightly.sh pynq-z2 ssh://xilinx@pynq /var/lib/ci/results RUN
# A board with real logic is measured with a design that was deployed to it: RUN is that run's name in `ntorc runs`
# (ntorc deploy --board pynq-z2 --deadline 500us --target ssh://xilinx@pynq --tool vivado makes one).
# Without a board, with a small test design:  docs/nightly.sh pynq-z2 virtual results
# Status: pytest's, so that a red test makes a red night.
set -eu
board=${1:?board, for example pynq-z2}
target=${2:?target, for example ssh://xilinx@pynq}
results=${3:?folder for the results}
run=${4:-}
cd "$(dirname "$0")/.."
mkdir -p "$results"
exec .venv/bin/python -m pytest tests/hil -p ntorc.testing --board "$board" --target "$target" --run "$run" \
  --junitxml "$results/hil-$(date -u +%Y%m%d).xml"
