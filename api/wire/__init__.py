"""What requests and answers look like: structs, errors, and the way from a body to a source and back."""
