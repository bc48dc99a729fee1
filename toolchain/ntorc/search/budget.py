"""How long each candidate is trained, the same for every search of a comparison."""

from __future__ import annotations

from dataclasses import dataclass

from ntorc.errors import UsageError


@dataclass(frozen=True)
class Budget:
    """The training of one candidate, short on purpose: a search ranks, ``ntorc train`` finishes.

    Attributes:
        looks: at the validation trajectories; after each the candidate may be given up.
        iterations, batch, crop_frames: of a streaming candidate: iterations from look to look, crops in each, and
            their length.
        steps, windows: of a window candidate: steps from look to look, and windows in each.
        learning_rate: of Adam at the start; it falls along a half cosine.
        replicas: runs of one trajectory that are trained on, at most.
        scored_every: estimates apart that are scored, so that a window candidate's score costs little.

    Raises:
        UsageError: a number that is not positive.
    """

    looks: int = 8
    iterations: int = 25
    batch: int = 24
    crop_frames: int = 128
    steps: int = 80
    windows: int = 128
    learning_rate: float = 6e-3
    replicas: int = 2
    scored_every: int = 4

    def __post_init__(self) -> None:
        counts = (
            self.looks, self.iterations, self.batch, self.crop_frames, self.steps, self.windows, self.replicas,
            self.scored_every,
        )  # fmt: skip
        if min(counts) < 1 or not 0.0 < self.learning_rate <= 1.0:
            raise UsageError("a search's training needs at least one look, iteration and window", "see --looks")
