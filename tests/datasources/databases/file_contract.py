"""What every source that is a file has to do, beside what every database has to do."""

import os
from pathlib import Path

import pytest

from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode
from tests.datasources.databases.contract import Contract, Engine


class FileEngine(Engine):
    """A file below `root`."""

    root: Path
    file: Path
    user = None
    locked = None
    missing = "missing"

    def running(self, query: str) -> int:
        return 0

    def files(self) -> dict[str, bytes]:
        """Every file below the folder and beside it, with its content."""
        return {str(path): path.read_bytes() for path in self.root.parent.rglob("*") if path.is_file()}


class FileContract(Contract):
    """What every file has to do."""

    async def code(self, engine: FileEngine, path: str) -> ErrorCode:
        """What opening this path raises."""
        with pytest.raises(CheckError) as caught:
            async with engine.kind.connect(engine.source(path=path)):
                pass
        assert str(engine.root) not in caught.value.message
        if caught.value.code is ErrorCode.DESTINATION_FORBIDDEN:
            assert "SOURCECHECK_FILE_ROOT" in (caught.value.advice or "")  # not advice about a range of addresses
        return caught.value.code

    async def test_only_files_below_the_folder(self, engine: FileEngine) -> None:
        """Not beside it, not through a link, not by an absolute path; and what is not there looks the same from outside."""
        outside = engine.root.parent / engine.file.name
        outside.write_bytes(engine.file.read_bytes())
        (engine.root / "link").symlink_to(outside)
        (engine.root / "folder").symlink_to(engine.root.parent)
        for path in ("../" + outside.name, str(outside), "link", "folder/" + outside.name, "/etc/passwd"):
            assert await self.code(engine, path) is ErrorCode.DESTINATION_FORBIDDEN, path
        assert await self.code(engine, "../nothing") is ErrorCode.DESTINATION_FORBIDDEN
        outside.unlink()

    async def test_links_inside_the_folder(self, engine: FileEngine) -> None:
        """They lead where they lead; absolute paths below the folder are fine as well."""
        (engine.root / "inside").symlink_to(engine.file)
        for path in (str(engine.file), "inside"):
            async with engine.kind.connect(engine.source(path=path)) as session:
                assert (await session.query("SELECT 1")).value == "1"

    async def test_what_is_no_file(self, engine: FileEngine) -> None:
        """A folder, a pipe, a file that is not there, one of another kind: none of them is waited for, or made."""
        (engine.root / "empty").mkdir()
        os.mkfifo(engine.root / "pipe")
        (engine.root / "text").write_text("no database" * 1000)
        before = set(engine.files())
        for path in ("empty", "pipe", "nothing", "text"):
            assert await self.code(engine, path) is ErrorCode.DATABASE_NOT_FOUND, path
        assert set(engine.files()) == before

    async def test_without_a_folder_there_are_no_files(
        self, engine: FileEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The operator has to say where they may lie."""
        monkeypatch.delenv("SOURCECHECK_FILE_ROOT")
        assert await self.code(engine, engine.file.name) is ErrorCode.DESTINATION_FORBIDDEN

    async def test_reading_changes_no_file(self, engine: FileEngine) -> None:
        """Whatever a query says, no file is made or changed."""
        before = engine.files()
        await self.try_all(engine)
        assert engine.files() == before

    async def try_all(self, engine: FileEngine) -> None:
        """Run every statement that might write."""
        for query in [*engine.writes, *engine.several]:
            with pytest.raises(CheckError):
                async with engine.kind.connect(engine.source()) as session:
                    await session.query(query)
