"""The steps of a test: one file each, with `async def run(check) -> Finding`."""
