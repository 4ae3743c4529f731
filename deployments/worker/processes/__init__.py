"""The warm processes that flow runs run in: forked beforehand, spoken to over a socket, killed one by one."""
