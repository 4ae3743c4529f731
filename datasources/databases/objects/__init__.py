"""What stores of objects share: a bucket has folders in place of tables, and its drivers dial for themselves."""
