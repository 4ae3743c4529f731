"""What measurements are made with: servers and sources to test, clients that ask, clocks, tables of figures."""
