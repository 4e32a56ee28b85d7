"""Query plans: the tables that a statement reads, the indexes that it uses, and the number of rows."""

import json
import re
from datetime import date
from typing import NamedTuple

PRIMARY = "primary key"
JOINED = ("mechanics", "inventory", "customers")
"""Small tables, for which a planner may prefer a full scan."""


class Access(NamedTuple):
    """The access of a table: by an index, or by a full scan if it is None. ``by_condition``: only the rows of the index that
    a condition selects, instead of from its end."""

    table: str
    index: str | None
    by_condition: bool


def index_name(index):
    """Return the name of an index, and one name for every primary key."""
    own = index and re.search(r"^pk_|^PRIMARY$|^INTEGER PRIMARY KEY|^sqlite_autoindex_ticket_\w+_1$", index)
    return PRIMARY if own else index


# ---------------------------------------------------------------- SQLite
def sqlite(connection, sql, parameters):
    line = r"(SCAN|SEARCH) (\w+)(?: USING (?:COVERING )?(?:INDEX (\w+)|(INTEGER PRIMARY KEY)))?"
    steps = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", parameters)]
    found = [re.match(line, step) for step in steps]
    return [Access(each[2], index_name(each[3] or each[4]), each[1] == "SEARCH") for each in found if each], None


# ---------------------------------------------------------------- MySQL, MariaDB
def mysql(connection, sql, parameters):
    steps = connection.exec_driver_sql(f"EXPLAIN {sql}", parameters).mappings().all()
    steps = [step for step in steps if step["table"] and not step["table"].startswith("<")]
    accesses = [Access(step["table"], index_name(step["key"]), step["type"] not in ("ALL", "index")) for step in steps]
    if not sql.startswith("SELECT"):
        return accesses, None
    connection.exec_driver_sql("FLUSH STATUS")
    connection.exec_driver_sql(sql, parameters).all()
    read = connection.exec_driver_sql("SHOW SESSION STATUS LIKE 'Handler_read_%%'").all()
    by_index = all(each.index for each in accesses if each.table not in JOINED)
    sorting = ("Handler_read_rnd", "Handler_read_rnd_deleted", "Handler_read_rnd_next") if by_index else ()
    return accesses, sum(int(count) for name, count in read if name not in sorting)


# ---------------------------------------------------------------- PostgreSQL
def postgresql(connection, sql, parameters, mode="custom"):
    """``mode``: custom for the plan of these values, or generic for the one of all values of a prepared statement."""
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", sql)))
    numbered = re.sub(r"%\((\w+)\)s", lambda found: f"${names.index(found[1]) + 1}", sql)
    plain = (str, int, date)  # Other values are bytes; no plan depends on them.
    values = ", ".join(f"'{parameters[name]}'" if isinstance(parameters[name], plain) else "NULL" for name in names)
    analyze = "ANALYZE, " if sql.startswith("SELECT") else ""
    connection.exec_driver_sql(f"SET plan_cache_mode = force_{mode}_plan")
    connection.exec_driver_sql(f"PREPARE hot AS {numbered}")
    explained = connection.exec_driver_sql(
        f"EXPLAIN ({analyze}FORMAT JSON) EXECUTE hot{f'({values})' if values else ''}"
    ).scalar()
    connection.exec_driver_sql("DEALLOCATE hot")
    connection.exec_driver_sql("RESET plan_cache_mode")
    steps = list(walk((explained if isinstance(explained, list) else json.loads(explained))[0]["Plan"]))
    scans = [step for step in steps if "Relation Name" in step and "Scan" in step["Node Type"]]
    accesses = []
    for scan in scans:
        within = next((step for step in walk(scan) if "Index Name" in step), {})
        accesses.append(Access(scan["Relation Name"], index_name(within.get("Index Name")), "Index Cond" in within))
    if not analyze:
        return accesses, None
    watched = [scan for scan in scans if scan["Relation Name"] not in JOINED]
    rows = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
    return accesses, sum(scan.get(name, 0) * scan["Actual Loops"] for scan in watched for name in rows)


def walk(step):
    yield step
    for below in step.get("Plans", ()):
        yield from walk(below)


READERS = {"sqlite": sqlite, "postgresql": postgresql, "mysql": mysql}


def plan(connection, sql, parameters, **options):
    """Return (accesses of the tables that grow with the tickets, rows read or None if the database does not report them)."""
    accesses, rows = READERS[connection.dialect.name](connection, sql, parameters, **options)
    return [each for each in accesses if each.table not in JOINED], rows
