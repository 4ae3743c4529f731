"""The history of sources in the catalogue: what an ended check leaves behind, how it is read, summed up and removed."""
