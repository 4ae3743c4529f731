"""What a member can have done: one function each, which the API's routes and the pages share."""
