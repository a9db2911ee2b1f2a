"""The collector: takes requests over HTTP and answers after the stream has acknowledged."""
