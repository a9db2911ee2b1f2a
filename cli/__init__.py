"""The `unmogrowp` command."""
