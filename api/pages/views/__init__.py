"""One controller for each subject that has pages."""
