"""Which identifiers belong to one device: typed identifiers, stitched deterministically."""
