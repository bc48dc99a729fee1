"""Open hardware tools that come as WebAssembly inside Python packages: compiled once, run in their own process."""

from __future__ import annotations

import fcntl
import os
import sys
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from ntorc.errors import ToolError
from ntorc.processes import run_tool
from ntorc.records import storage_errors


@dataclass(frozen=True)
class WebAssemblyTool:
    """A program in a package of its own.

    Attributes:
        name: for messages and the cache.
        package: the distribution that brings it.
        function: of the package's module, takes the arguments and gives the exit status.
        version_option: the cheapest run, for compiling it.
    """

    name: str
    package: str
    function: str
    version_option: str

    @property
    def version(self) -> str:
        """The installed package's version.

        Raises:
            ToolError: it is not installed.
        """
        try:
            return metadata.version(self.package)
        except metadata.PackageNotFoundError as error:
            hint = f"install it beside ntorc: python -m pip install {self.package}"
            raise ToolError(f"{self.name} is not installed", hint) from error

    @property
    def folder(self) -> Path:
        """Where the compiled tool is, or will be after its first use."""
        import platformdirs

        versions = f"{self.version}-{metadata.version('wasmtime')}"
        return Path(platformdirs.user_cache_path("ntorc")) / f"{self.name}-{versions}"

    def prepared(self) -> Path:
        """The folder with the tool compiled for this machine; its first use takes about a minute.

        The compiled form is written in place and mapped by others: two first uses at once crash each
        other.  So it is compiled under a lock, in a folder that is renamed when whole.
        """
        folder = self.folder
        root = folder.parent
        if folder.is_dir():
            return folder
        with storage_errors(folder):
            root.mkdir(parents=True, exist_ok=True)
            with (root / f"{self.name}.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not folder.is_dir():
                    with tempfile.TemporaryDirectory(dir=root, prefix=f"{self.name}-") as name:
                        work = Path(name) / "compiled"
                        work.mkdir()
                        self._call([self.version_option], work, work, 600)
                        os.rename(work, folder)
        return folder

    def run(self, arguments: list[str], folder: Path, timeout_s: float = 3600) -> str:
        """Run it in ``folder``, with the Python that runs us; what it printed.

        Raises:
            ToolError: not installed, failed, or over its time.
        """
        return self._call(arguments, folder, self.prepared(), timeout_s)

    def _call(self, arguments: list[str], folder: Path, compiled: Path, timeout_s: float) -> str:
        module = self.package.replace("-", "_")
        code = f"import sys, {module}; sys.exit({module}.{self.function}(sys.argv[1:]))"
        return run_tool(
            [sys.executable, "-c", code, *arguments],
            folder=folder,
            environment={**os.environ, "YOWASP_CACHE_DIR": str(compiled)},
            what=self.name,
            timeout_s=timeout_s,
        )
