"""What statements of the past have made from what, where a server keeps their texts."""
