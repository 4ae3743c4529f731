"""What each API process does beside answering: schedules, events, retention, metrics."""
