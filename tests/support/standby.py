"""A PostgreSQL primary with a standby that can be promoted."""

from sqlalchemy import create_engine, text

from config import database_url
from tests.support.processes import folder_of, free_port, until
from tests.support.servers import PostgreSQL

NAME = "standby1"


class Pair:
    """A primary and a standby. With ``synchronous=True``, commits wait for the standby."""

    def __init__(self, *, synchronous: bool = True) -> None:
        self.primary = PostgreSQL()
        self.standby: PostgreSQL | None = None
        self.settings = [f"synchronous_standby_names={NAME if synchronous else ''}"]

    def start(self) -> "Pair":
        self.primary.start().create()
        folder, port = folder_of("postgres", "standby"), free_port()
        source = f"host=127.0.0.1 port={self.primary.port} user=shop application_name={NAME}"
        self.primary.run("pg_basebackup", "-R", "-X", "stream", "-c", "fast", "-d", source, "-D", str(folder / "data"))
        self.standby = PostgreSQL(folder, port).start()
        self.set(*self.settings)
        until(lambda: self.query("SELECT state FROM pg_stat_replication") == "streaming", 30, "streaming to the standby")
        return self

    def set(self, *settings: str) -> None:
        """Change settings of the running primary."""
        for setting in settings:
            name, _, value = setting.partition("=")
            self.query(f"ALTER SYSTEM SET {name} = '{value}'")
        self.query("SELECT pg_reload_conf()")

    def query(self, sql: str) -> object:
        """Run a statement on the primary. Return the first value of its result, if any."""
        engine = create_engine(database_url(self.primary.url("postgres")), isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                result = connection.execute(text(sql))
                return result.scalar() if result.returns_rows else None
        finally:
            engine.dispose()

    def promote(self) -> None:
        """Promote the standby to primary."""
        assert self.standby is not None
        self.standby.run("pg_ctl", "promote", "-w", "-D", str(self.standby.data))

    def url(self) -> str:
        """Return the database URL with both hosts."""
        assert self.standby is not None
        return f"postgresql://shop@127.0.0.1:{self.primary.port},127.0.0.1:{self.standby.port}/shop"

    def remove(self) -> None:
        for server in (self.primary, self.standby):
            if server is not None:
                server.remove()
