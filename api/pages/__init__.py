"""Pages for people, drawn on the server: the same services as the API's, shown."""
