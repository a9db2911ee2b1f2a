"""The warehouse: ClickHouse, its migrations, its named queries and the ways to publish into it."""
