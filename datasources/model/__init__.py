"""The ground that everything stands on: sources, results, vocabulary, errors, questions, settings."""
