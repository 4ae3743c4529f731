"""Results of tests in the forms that build servers read: JUnit's XML, and GitHub's annotations and summary."""
