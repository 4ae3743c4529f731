"""Beside pyproject.toml, for the one thing it cannot say: which files of the root the wheel carries in a package."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

FILES = ("prefect.yaml", "constraints.txt")
"""Found by `deployments.project_files`."""


class WithProjectFiles(build_py):
    """Copies them into `deployments`; an editable install reads those of the checkout."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            for source, target in self._project_files().items():
                shutil.copyfile(source, target)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        return [*super().get_outputs(include_bytecode), *self._project_files().values()]

    def _project_files(self) -> dict[str, str]:
        return {name: str(Path(self.build_lib, "deployments", name)) for name in FILES}


setup(cmdclass={"build_py": WithProjectFiles})
