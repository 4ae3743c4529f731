"""Sources as a file: YAML with places, values from the environment, and plans as people read them."""
