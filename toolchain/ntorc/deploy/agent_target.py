"""What every target with an agent does the same way, whatever carries the agent's lines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ntorc.boards import Board
from ntorc.deploy.client import AgentClient
from ntorc.deploy.deployment import Deployment, SelfTestResult
from ntorc.deploy.target import Confirmation, MeasureFiles, MeasureRequest, TargetInfo, TargetStatus
from ntorc.errors import DeploymentError
from ntorc.progress import Progress


class AgentTarget:
    """Asks a connected agent; the base of targets, which start and stop it."""

    def __init__(self, name: str, board: Board) -> None:
        """``name`` is what deployments call this target."""
        self._name = name
        self.board = board
        self._client: AgentClient | None = None

    @property
    def name(self) -> str:
        """``virtual``, or the board's address."""
        return self._name

    def connect(self, client: AgentClient) -> None:
        """Use this agent, after checking that it is on the right board.

        Raises:
            DeploymentError: it is on another board.
        """
        self._client = client
        info = self.hello()
        self._check_board(info)

    def recover(self, progress: Progress | None = None) -> bool:
        """After a deployment that was cut off: program what is confirmed; whether that was needed, and done."""
        answer = self._ask("recover", progress=progress)
        if answer["problem"] and progress is not None:
            progress.message(f"  an earlier deployment was cut off, and {answer['problem']}")
        return bool(answer["recovered"])

    def _check_board(self, info: TargetInfo) -> None:
        if (info.board, info.part) != (self.board.name, self.board.part):
            raise DeploymentError(
                f"the agent is on {info.board} ({info.part}), not on {self.board.name} ({self.board.part})",
                "name the right board with --board",
            )

    def disconnect(self) -> None:
        """Let the agent end; may be called more than once."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def hello(self) -> TargetInfo:
        """See `Target.hello`."""
        answer = self._ask("hello")
        return TargetInfo(
            agent_version=answer["agent_version"],
            protocol=answer["protocol"],
            board=answer["board"],
            part=answer["part"],
            pynq_version=answer["pynq_version"],
            numpy_version=answer["numpy_version"],
            python_version=answer["python_version"],
            machine=answer["machine"],
            kernel=answer["kernel"],
            is_simulated=answer["simulated"],
        )

    def status(self) -> TargetStatus:
        """See `Target.status`."""
        answer = self._ask("status")
        confirmed, previous = answer["confirmed"] or {}, answer["previous"] or {}
        return TargetStatus(
            confirmed=confirmed.get("design_id"),
            slot=confirmed.get("slot"),
            previous=previous.get("design_id"),
            is_intact=answer["intact"],
            programmed=answer["programmed"],
            lease_owner=answer["lease"]["owner"],
            lease_left_s=answer["lease"]["left_s"],
            history=tuple(
                Confirmation(one["design_id"], one["sequence"], one["owner"], one["time_s"])
                for one in answer["history"]
            ),
        )

    def install(self, bundle: Path, progress: Progress | None = None) -> Deployment:
        """See `Target.install`."""
        return self._deployment(self._ask("install", {"folder": str(bundle.absolute())}, progress))

    def restore(self, progress: Progress | None = None) -> Deployment:
        """See `Target.restore`."""
        return self._deployment(self._ask("restore", progress=progress))

    def rollback(self, progress: Progress | None = None) -> Deployment:
        """See `Target.rollback`."""
        return self._deployment(self._ask("rollback", progress=progress))

    def measure(self, request: MeasureRequest, progress: Progress | None = None) -> MeasureFiles:
        """See `Target.measure`."""
        fields = self._measure_fields(request)
        fields |= {"samples": str(request.samples.absolute()), "out": str(request.records.absolute())}
        answer = self._ask("measure", fields, progress)
        return self._measured(answer, Path(answer["records"]))

    @staticmethod
    def _measure_fields(request: MeasureRequest) -> dict[str, Any]:
        return {"estimates": request.estimates, "period_ns": request.period_ns, **request.options()}

    @staticmethod
    def _measured(answer: dict[str, Any], records: Path) -> MeasureFiles:
        return MeasureFiles(
            records=records,
            harness=answer["harness"],
            design_id=answer["design_id"],
            clock_hz=answer["clock_read_back_hz"],
            is_cancelled=answer["cancelled"],
        )

    def _ask(
        self, op: str, fields: Mapping[str, Any] | None = None, progress: Progress | None = None, **limits: float
    ) -> dict[str, Any]:
        if self._client is None:
            raise DeploymentError(f"the target {self.name} is not started", "use it in a `with` block")
        return self._client.ask(op, fields, progress=progress, **limits)

    def _deployment(self, answer: dict[str, Any]) -> Deployment:
        test = answer["self_test"]
        return Deployment(
            target=self.name,
            board=self.board.name,
            design_id=answer["design_id"],
            digest=answer["digest"],
            slot=answer["slot"],
            replaced=answer["replaced"],
            self_test=SelfTestResult(test["vectors"], test["mismatches"]),
            clock_requested_hz=answer["clock_requested_hz"],
            clock_set_hz=answer["clock_set_hz"],
            clock_read_back_hz=answer["clock_read_back_hz"],
            agent_version=answer["agent_version"],
            pynq_version=answer["pynq_version"],
        )
