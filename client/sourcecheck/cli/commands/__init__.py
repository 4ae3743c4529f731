"""The commands, by subject. Each module has `add_commands(commands)`, which adds parsers whose `run` takes a `Call`."""
