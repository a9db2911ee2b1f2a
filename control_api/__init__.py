"""The API for people; health only for now."""
