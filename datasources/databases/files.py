"""Sources that are files on the worker's machine: below one folder, and nowhere else (security row 5)."""

import os
import stat
from pathlib import Path
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from datasources.databases.base import Database
from datasources.model.errors import SourceUnreachable
from datasources.model.settings import Settings
from datasources.model.source import Options
from datasources.model.vocabulary import ErrorCode

CHECK_PATH = "Check the path; the file has to be on the machine that runs the test."
MAY_READ = "Give the user that runs the test the right to read the file and its folder."
NAME_A_FOLDER = (
    "Ask the operator to set SOURCECHECK_FILE_ROOT to a folder on the worker's machine that holds such files."
)
STAY_BELOW = "Give the path from that folder on (SOURCECHECK_FILE_ROOT), without links that lead out of it."
FilePath = Annotated[
    str,
    Meta(
        title="Path below the worker's folder for files",
        min_length=1,
        max_length=1024,
        pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)",
    ),
]


class FileOptions(Options, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Where the file lies. There is no secret, and nothing else that could be handed to the driver."""

    destination_fields: ClassVar[tuple[str, ...]] = ("path",)
    harmless_fields: ClassVar[tuple[str, ...]] = ()
    shown_as: ClassVar = {"file_path": "path"}

    path: FilePath


class FileDatabase(Database):
    """A database that is one file."""

    @classmethod
    def elsewhere(cls, source: Any, database: str) -> Any:
        """A file has no database but itself, by its name without the ending."""
        if database != Path(source.options.path).stem:
            message = f"{cls.title} has no database {database}: temp_schema has to be `schema`"
            raise SourceUnreachable(ErrorCode.DATABASE_NOT_FOUND, message, {"stage": "database"})
        return source


def file_of(options: FileOptions, companions: tuple[str, ...] = ()) -> Path:
    """The file, with all links resolved. Blocks: run it in a thread.

    The path is read from `SOURCECHECK_FILE_ROOT` on. What it leads to has to be a file below that folder, and so have
    its `companions`, files that the engine opens unasked (the same path with these endings), as far as they are there.
    Raises `SourceUnreachable`: DESTINATION_FORBIDDEN, DATABASE_NOT_FOUND, PERMISSION_DENIED.
    """
    root = Settings.load().file_root
    if root is None:
        message = "The operator allows no files: SOURCECHECK_FILE_ROOT is not set"
        raise _no(ErrorCode.DESTINATION_FORBIDDEN, message, NAME_A_FOLDER)
    folder = Path(os.path.realpath(root))
    path = Path(os.path.realpath(folder / options.path))
    if folder not in path.parents:
        message = f"{options.path} is not below the folder for files"
        raise _no(ErrorCode.DESTINATION_FORBIDDEN, message, STAY_BELOW)
    _require_file(path, options.path)
    for ending in companions:
        beside = Path(f"{path}{ending}")
        if beside.is_symlink() and folder not in Path(os.path.realpath(beside)).parents:
            message = f"{options.path}{ending} is not below the folder for files"
            raise _no(ErrorCode.DESTINATION_FORBIDDEN, message, STAY_BELOW)
    return path


def _require_file(path: Path, shown: str) -> None:
    """A pipe or a device would be waited for."""
    try:
        mode = path.stat().st_mode
    except PermissionError as error:
        raise _no(ErrorCode.PERMISSION_DENIED, f"The user that runs the test may not read {shown}", MAY_READ) from error
    except OSError as error:
        raise _no(ErrorCode.DATABASE_NOT_FOUND, f"There is no file {shown}", CHECK_PATH) from error
    if not stat.S_ISREG(mode):
        raise _no(ErrorCode.DATABASE_NOT_FOUND, f"{shown} is not a file", CHECK_PATH)


def _no(code: ErrorCode, message: str, advice: str | None = None) -> SourceUnreachable:
    return SourceUnreachable(code, message, {"stage": "file"}, advice)
