"""Django's PostgreSQL backend, which also tells each transaction its scope and starts the embedded server where that is asked for."""

from typing import Any

from django.db.backends.postgresql import base
from psycopg.pq import TransactionStatus

from plumbing import embedded, scope


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection whose every transaction begins with `set_config('tieout.tenant', <scope>, true)`.

    `true` means local to the transaction: nothing remains on the connection when it ends, however it ends.
    """

    def get_connection_params(self) -> dict[str, Any]:
        if folder := self.settings_dict.get("EMBEDDED"):
            self.settings_dict["HOST"] = embedded.serve(folder)
        return super().get_connection_params()

    def _set_autocommit(self, autocommit: bool) -> None:
        super()._set_autocommit(autocommit)  # type: ignore[misc]  # django-stubs do not know it
        if not autocommit and scope.current() is not None:
            self._tell_scope()

    def announce_scope(self) -> None:
        """Tells the open transaction the scope that is now in force; does nothing where there is no transaction.

        A broken transaction cannot be told anything: the rollback that must follow puts back what was announced before it.
        """
        if self.connection is None or self.connection.autocommit:
            return
        if self.connection.info.transaction_status in (TransactionStatus.INERROR, TransactionStatus.UNKNOWN):
            return
        self._tell_scope()

    def _tell_scope(self) -> None:
        with self.wrap_database_errors, self.connection.cursor() as cursor:
            cursor.execute("SELECT set_config('tieout.tenant', %s, true)", [str(scope.current() or "")])
