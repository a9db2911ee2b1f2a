"""Asset checks; `gx.py` is the only caller of Great Expectations."""
