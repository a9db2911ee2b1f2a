"""Landing: stream to raw.requests to clean.*, exactly once, and rebuilding days of clean.*."""
