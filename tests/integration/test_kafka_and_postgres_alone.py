from pathlib import Path

import sqlalchemy as sa
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient

from local_stack.kafka import running_kafka
from local_stack.postgres import running_postgres


def test_a_broker_started_again_on_its_folder_has_its_records(tmp_path: Path) -> None:
    with running_kafka(tmp_path / "kafka") as bootstrap:
        admin = KafkaAdminClient(bootstrap_servers=bootstrap)
        admin.create_topics({"t": {"num_partitions": 1, "replication_factor": 1}})
        admin.close()
        producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
        producer.send("t", b"kept").get(20)
        producer.close()
    port = int(bootstrap.rpartition(":")[2])
    with running_kafka(tmp_path / "kafka", port) as again:
        assert again == bootstrap
        consumer = KafkaConsumer("t", bootstrap_servers=again, auto_offset_reset="earliest")
        assert next(consumer).value == b"kept"
        consumer.close()


def test_a_database_started_again_on_its_folder_has_its_rows(passable_folder: Path) -> None:
    with running_postgres(passable_folder) as url:
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            connection.execute(sa.text("CREATE TABLE kept AS SELECT 1 AS x"))
        engine.dispose()
    with running_postgres(passable_folder) as url:
        engine = sa.create_engine(url)
        with engine.connect() as connection:
            assert connection.execute(sa.text("SELECT x FROM kept")).scalar() == 1
        engine.dispose()


def test_a_wrong_password_is_refused(passable_folder: Path) -> None:
    with running_postgres(passable_folder) as url:
        wrong = sa.make_url(url).set(password="wrong")
        engine = sa.create_engine(wrong)
        try:
            with engine.connect():
                raised = False
        except sa.exc.OperationalError as error:
            raised = "password authentication failed" in str(error)
        engine.dispose()
        assert raised
