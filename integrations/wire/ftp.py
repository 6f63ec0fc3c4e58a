"""Files on FTP servers: plain, or with explicit TLS (FTPS), whose certificate is always checked.

fsspec's file system brings renaming, removing and folders. Its way in, its listings and its transfers are replaced: it
would connect to any address, check no certificate, and list a whole folder again for each file.
"""

from __future__ import annotations

import ftplib
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, BinaryIO

from fsspec.implementations.ftp import FTPFileSystem

from . import dialing, remote
from .errors import BadAddress, ConsentLost, ContractBroken, Forbidden, Missing, OutOfLimits, TryLater, VendorError
from .folders import RenameRefused, Tick
from .remote import Entry, Server

PIECE = 64 * 1024
NOT_UNDERSTOOD = ("500", "501", "502", "504")


class FtpServer(Server):
    """A log-in at an FTP server. `certificate`: the PEM text that alone is trusted, of an authority or of the server."""

    def __init__(
        self,
        where: tuple[str, str, int],
        *,
        user: str,
        password: str,
        certificate: str = "",
        allow: Sequence[str] = (),
        seconds: float = 30.0,
    ) -> None:
        self.name = f"{where[0]}://{user}@{where[1]}:{where[2]}"
        self._tells_facts = True
        with _said(self.name):
            session = _Secure(_context(certificate), seconds) if where[0] == "ftps" else _Plain(seconds)
            session.open_to(where, allow=allow, seconds=seconds)
            try:
                if isinstance(session, _Secure):
                    _begin_tls(session)
                session.login(_there(user), _there(password))
                if isinstance(session, _Secure):
                    session.prot_p()
                with suppress(ftplib.error_perm):
                    session.sendcmd("OPTS UTF8 ON")
            except BaseException:
                session.close()
                raise
        self._ftp = session
        self._fs = _Files(session)

    def entries(self, folder: str) -> Iterator[Entry]:
        with _said(folder or "the folder"):
            if self._tells_facts:
                try:
                    yield from self._by_facts(folder)
                    return
                except ftplib.error_perm as error:
                    if not str(error).startswith(NOT_UNDERSTOOD):
                        raise
                self._tells_facts = False
            yield from self._by_names(folder)

    def _by_facts(self, folder: str) -> Iterator[Entry]:
        for line in self._lines(f"MLSD {_there(folder)}"):
            if entry := _entry(line):
                yield entry

    def _by_names(self, folder: str) -> Iterator[Entry]:
        """For servers that know no MLSD: names first, and then a question for each of them."""
        names: list[str] = []
        try:
            names = self._lines(f"NLST {_there(folder)}")
        except ftplib.error_perm as error:
            if not str(error).startswith("550"):
                raise
            self._ftp.cwd(_there(folder) or ".")  # 550 is what some say of an empty folder, too
        self._ftp.voidcmd("TYPE I")  # a list travels as text, and for text many servers refuse to tell sizes
        for name in map(_here, names):
            inside = name.removeprefix(f"{folder}/")
            yield self._asked(inside, f"{folder}/{inside}" if folder else inside)

    def _lines(self, command: str) -> list[str]:
        lines: list[str] = []

        def take(line: str) -> None:
            if len(lines) > remote.MOST_NAMES:
                raise remote.too_many()
            lines.append(line)

        self._ftp.retrlines(command.rstrip(), take)
        return lines

    def _asked(self, name: str, path: str) -> Entry:
        try:
            size = self._ftp.size(_there(path))
            changed = self._ftp.voidcmd(f"MDTM {_there(path)}")
        except ftplib.error_perm:
            return Entry(name=name, is_folder=True)
        return Entry(name=name, is_folder=False, size=size or 0, modified=_moment(changed.partition(" ")[2]))

    def look(self, path: str) -> Entry | None:
        with _said(path):
            name = path.rpartition("/")[2]
            if self._tells_facts:
                try:
                    told = self._ftp.voidcmd(f"MLST {_there(path)}")
                    found = next((_entry(line) for line in told.splitlines() if line[:1] == " "), None)
                    return None if found is None else Entry(
                        name=name, is_folder=found.is_folder, size=found.size, modified=found.modified
                    )  # fmt: skip
                except ftplib.error_perm as error:
                    if not str(error).startswith(NOT_UNDERSTOOD):
                        return None
                    self._tells_facts = False
            self._ftp.voidcmd("TYPE I")
            found = self._asked(name, path)
            return None if found.is_folder else found

    def read(self, path: str, take: Callable[[bytes], None]) -> None:
        with _said(path):
            self._ftp.retrbinary(f"RETR {_there(path)}", take, PIECE)

    def write(self, path: str, content: BinaryIO, tick: Tick) -> None:
        with _said(path, writes=True):
            self._ftp.storbinary(f"STOR {_there(path)}", content, PIECE, callback=lambda piece: tick())

    def rename(self, old: str, new: str) -> None:
        with _said(new):
            try:
                self._fs.mv(_there(old), _there(new))
            except ftplib.error_perm as error:
                raise RenameRefused(str(error)) from error

    def remove(self, path: str) -> None:
        with _said(path):
            try:
                self._fs.rm_file(_there(path))
            except ftplib.error_perm:
                if self.look(path) is not None:
                    raise

    def make(self, folder: str) -> None:
        with _said(folder):
            try:
                self._fs.mkdir(_there(folder), create_parents=False)
            except ftplib.error_perm:
                next(self.entries(folder), None)  # it may be there: then this is no error

    def close(self) -> None:
        with suppress(OSError, ftplib.Error, EOFError):
            self._ftp.quit()
        self._ftp.close()


class _Files(FTPFileSystem):  # type: ignore[misc]  # fsspec has no types
    """fsspec's commands over a session of ours. Its paths go as they are: it would begin each at the server's root."""

    def __init__(self, session: ftplib.FTP) -> None:
        self.ftp = session
        super().__init__(session.host, use_listings_cache=False, skip_instance_cache=True)

    def _connect(self) -> None:
        """The session stands already."""

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path


class _Plain(ftplib.FTP):
    """FTP to an address that was checked. Names are bytes to it; passive data lines go to the server itself only."""

    trust_server_pasv_ipv4_address = False

    def __init__(self, seconds: float) -> None:
        super().__init__(timeout=seconds, encoding="latin-1")

    def open_to(self, where: tuple[str, str, int], *, allow: Sequence[str], seconds: float) -> None:
        _open(self, where, allow=allow, seconds=seconds)


class _Secure(ftplib.FTP_TLS):
    """The same within TLS, the data lines too."""

    trust_server_pasv_ipv4_address = False

    def __init__(self, context: ssl.SSLContext, seconds: float) -> None:
        super().__init__(context=context, timeout=seconds, encoding="latin-1")

    def open_to(self, where: tuple[str, str, int], *, allow: Sequence[str], seconds: float) -> None:
        _open(self, where, allow=allow, seconds=seconds)

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[Any, int | None]:
        line, size = ftplib.FTP.ntransfercmd(self, cmd, rest)  # noqa: S321  # wrapped in the next lines
        # Many servers take a data line only within the session of the control line.
        session = self.sock.session if isinstance(self.sock, ssl.SSLSocket) else None
        return self.context.wrap_socket(line, server_hostname=self.host, session=session), size


def _open(session: ftplib.FTP, where: tuple[str, str, int], *, allow: Sequence[str], seconds: float) -> None:
    _, session.host, session.port = where
    session.sock = dialing.dial(where, allow=allow, seconds=seconds)
    session.af = session.sock.family
    session.file = session.sock.makefile("r", encoding=session.encoding)
    session.welcome = session.getresp()


def _begin_tls(session: ftplib.FTP_TLS) -> None:
    try:
        session.auth()
    except ftplib.error_perm as error:
        raise BadAddress(
            str(error),
            explanation="The server does not offer TLS, so no password was sent.",
            advice="Ask for FTPS or SFTP at the server; plain FTP (ftp://) sends passwords and files readable by others.",
        ) from error


def _context(certificate: str) -> ssl.SSLContext:
    """What is trusted: the usual authorities, or this certificate alone."""
    try:
        context = ssl.create_default_context(cadata=certificate.strip() or None)
    except ssl.SSLError as error:
        raise BadAddress(
            explanation="The certificate in the settings is no certificate in PEM form.",
            advice="Paste the text from BEGIN CERTIFICATE to END CERTIFICATE.",
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN  # a server's own certificate may be pinned too
    return context


# Names travel as bytes: Latin-1 is what ftplib turns them into and back without loss.


def _there(name: str) -> str:
    if any(sign in name for sign in "\r\n\0"):
        raise BadAddress(name[:100], explanation="A name or password holds a line break.")
    return name.encode("utf-8", "surrogateescape").decode("latin-1")


def _here(name: str) -> str:
    return name.encode("latin-1").decode("utf-8", "surrogateescape")


def _entry(line: str) -> Entry | None:
    """A line of MLSD or MLST: facts, a blank, the name. None for the folder itself and its parent."""
    told, _, name = line.lstrip(" ").partition(" ")
    facts = dict(fact.lower().split("=", 1) for fact in told.split(";") if "=" in fact)
    kind = facts.get("type", "")
    if not name or kind in ("cdir", "pdir"):
        return None
    size = facts.get("size", "0")
    return Entry(
        name=_here(name),
        is_folder=kind != "file",
        size=int(size) if size.isdigit() else 0,
        modified=_moment(facts.get("modify", "")),
    )


def _moment(text: str) -> float:
    """The moment in YYYYMMDDHHMMSS of UTC, as seconds since 1970; 0 where it is none."""
    try:
        return datetime.strptime(text.strip()[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0


@contextmanager
def _said(what: str, *, writes: bool = False) -> Iterator[None]:
    """Turns what the server or the line says into our errors."""
    try:
        yield
    except (VendorError, RenameRefused):
        raise
    except ssl.SSLCertVerificationError as error:
        raise BadAddress(
            error.verify_message,
            explanation="The server's certificate is not trusted, so no password was sent.",
            advice="Ask for a proper certificate, or paste the server's own or its authority's into the settings.",
        ) from error
    except ftplib.Error as error:
        raise _by_code(str(error), what, writes=writes) from error
    except (OSError, EOFError) as error:
        raise TryLater(
            str(error) or "the line was cut", sent=False, explanation="The connection to the file server was lost."
        ) from error


def _by_code(words: str, what: str, *, writes: bool) -> VendorError:
    code = words[:3]
    if code in ("452", "552"):
        return OutOfLimits(
            words,
            code=code,
            explanation="The file server has no space left.",
            advice="Make room there; it goes on then.",
        )
    if code.startswith("4"):
        return TryLater(words, sent=False, code=code, explanation="The file server could not do it just now.")
    if code == "530":
        return ConsentLost(words, code=code, explanation="The file server does not accept the user name and password.")
    if code in ("550", "553"):
        kind = Forbidden if writes or code == "553" else Missing
        return kind(
            words,
            code=code,
            explanation=f"The file server does not give {what}: it is not there, or this user may not use it.",
            advice="Check the folder in the settings, and the user's rights on the server.",
        )
    return ContractBroken(words, code=code, explanation=f"The file server's answer about {what} is not understood.")
