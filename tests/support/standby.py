"""A PostgreSQL with a synchronous standby, which can take its place."""

from sqlalchemy import create_engine, text

from config import database_url
from tests.support.processes import folder_of, free_port, until
from tests.support.servers import PostgreSQL

NAME = "standby1"


class Pair:
    """A primary whose commits wait for a standby, and that standby; ``synchronous=False``: they don't."""

    def __init__(self, *, synchronous: bool = True) -> None:
        self.primary = PostgreSQL()
        self.standby: PostgreSQL | None = None
        self.waits = [f"synchronous_standby_names={NAME if synchronous else ''}"]

    def start(self) -> "Pair":
        self.primary.start().create()
        folder, port = folder_of("postgres", "standby"), free_port()
        source = f"host=127.0.0.1 port={self.primary.port} user=shop application_name={NAME}"
        self.primary.run("pg_basebackup", "-R", "-X", "stream", "-c", "fast", "-d", source, "-D", str(folder / "data"))
        self.standby = PostgreSQL(folder, port).start()
        self.set(*self.waits)
        until(lambda: self.asked("SELECT state FROM pg_stat_replication") == "streaming", 30, "the standby's following")
        return self

    def set(self, *settings: str) -> None:
        """Change settings of the primary while it runs."""
        for setting in settings:
            name, _, value = setting.partition("=")
            self.asked(f"ALTER SYSTEM SET {name} = '{value}'")
        self.asked("SELECT pg_reload_conf()")

    def asked(self, sql: str) -> object:
        """What the primary says to a statement."""
        engine = create_engine(database_url(self.primary.url("postgres")), isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                result = connection.execute(text(sql))
                return result.scalar() if result.returns_rows else None
        finally:
            engine.dispose()

    def promote(self) -> None:
        """Let the standby take the primary's place."""
        assert self.standby is not None
        self.standby.run("pg_ctl", "promote", "-w", "-D", str(self.standby.data))

    def url(self) -> str:
        """The shop's URL, with both hosts in it."""
        assert self.standby is not None
        return f"postgresql://shop@127.0.0.1:{self.primary.port},127.0.0.1:{self.standby.port}/shop"

    def remove(self) -> None:
        for server in (self.primary, self.standby):
            if server is not None:
                server.remove()
