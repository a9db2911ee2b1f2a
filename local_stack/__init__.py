"""The embedded Kafka, ClickHouse, PostgreSQL, Valkey and their supervisor."""
