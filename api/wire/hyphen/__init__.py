"""Sources in the words of the hyphen API (contract 3.3): read into the fields that both APIs share, and back."""
