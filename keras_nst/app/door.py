"""Request filter: only for the server's own names, for what its page needs, and up to the page's sizes."""

import ipaddress
import re
import socket
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse

from keras_nst.app.limits import Limits

_UPLOAD = "/gradio_api/upload"
# The paths that the page uses, of all that Gradio serves.
_READS = (
    r"/(config|theme\.css|favicon\.ico|(assets|static)/.+"
    r"|gradio_api/(app_id|startup-events|queue/data|upload_progress|heartbeat/\w+|file={}/.+))?"
)
_WRITES = r"/gradio_api/(upload|queue/join|run/predict|stream/\w+(/close)?)"

_FORM = 10_000  # Bytes of an upload besides the file.
_DISCARDED = 10  # Refused requests are read, up to this many times the largest file, so that clients read the answer.
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class Names:
    """The names and addresses that a server answers to.

    A page of another site can make its own name resolve to this computer (DNS rebinding). Browsers then allow it to
    read the server's answers, but they send that name as "Host".

    Args:
        host: The address that the server listens at.
        others: Other names that browsers use for the server, such as that of a proxy.
    """

    def __init__(self, host: str, others: Collection[str] = ()):
        self._others = {name.lower() for name in others}
        self._everywhere = host in ("0.0.0.0", "::")
        self._names = self._others | {host.lower().strip("[]")}
        if self._everywhere or self._names & _LOOPBACK:
            self._names |= _LOOPBACK
        if self._everywhere:
            own = socket.gethostname().lower()
            self._names |= {own, f"{own}.local"}

    def answer(self, host: str) -> bool:
        """Whether the server answers to a "Host" header."""
        name = _hostname(f"//{host}")
        return name in self._names or (self._everywhere and _is_address(name))

    def trust(self, origin: str, host: str) -> bool:
        """Whether an "Origin" header is that of the server's own page, given the "Host" header."""
        return origin.lower().partition("://")[2] == host.lower() or _hostname(origin) in self._others


@dataclass
class _Upload:
    when: float
    files: int = 1
    size: int = 0


class _Count:
    """Counts how often a mark occurs in content that comes in pieces."""

    def __init__(self, mark: bytes):
        self._mark, self._rest, self.found = mark, b"", 0

    def add(self, piece: bytes) -> None:
        """Read on."""
        piece = self._rest + piece
        self.found += piece.count(self._mark)
        self._rest = piece[max(0, len(piece) - len(self._mark) + 1) :]


class Door:
    """ASGI middleware that refuses requests with one line of text.

    Args:
        app: The app behind it.
        names: The names of the server.
        folder: The folder of served files.
        limits: The limits.
    """

    def __init__(self, app: Callable, names: Names, folder: Path, limits: Limits):
        self._app, self._names, self._limits = app, names, limits
        reads = re.compile(_READS.format(re.escape(str(folder))))
        self._open = {"GET": reads, "HEAD": reads, "POST": re.compile(_WRITES)}
        self._uploads: dict[str, list[_Upload]] = {}

    async def __call__(self, scope, receive, send):
        """Handle an ASGI connection."""
        if scope["type"] != "http":
            await send({"type": "websocket.close"})  # The page opens none.
            return
        try:
            check = self._admit(scope)
        except HTTPException as refused:
            await self._discard(receive)
            await PlainTextResponse(refused.detail, refused.status_code)(scope, receive, send)
            return
        total = 0

        async def counted():
            nonlocal total
            message = await receive()
            body = message.get("body", b"")
            total += len(body)
            check(total, body)
            return message

        await self._app(scope, counted, send)

    def _admit(self, scope) -> Callable[[int, bytes], None]:
        """Admit a request, and return a check of its size so far and its next piece, which raises the same exception.

        Raises:
            HTTPException: The request is refused.
        """
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._names.answer(host):
            raise HTTPException(421, "This name is not served. The server's option `name` adds one.")
        if origin is not None and not self._names.trust(origin, host):
            raise HTTPException(403, "Pages of other sites have no access.")
        routes = self._open.get(scope["method"])
        if not routes or not routes.fullmatch(scope["path"]):
            raise HTTPException(404, "Closed.")
        length = int(headers.get("content-length", 0))
        if scope["path"] == _UPLOAD:
            return self._upload(scope["client"][0] if scope["client"] else "", headers, length)
        self._check_message(length, b"")
        return self._check_message

    def _check_message(self, size: int, _: bytes) -> None:
        if size > self._limits.message:
            raise _too_large("The request has", self._limits.message)

    def _upload(self, visitor: str, headers: Headers, length: int) -> Callable[[int, bytes], None]:
        """Start counting an upload of a visitor, of a length; returns the check of its size and files so far."""
        now, limits = time.monotonic(), self._limits
        for name, uploads in list(self._uploads.items()):
            uploads[:] = [upload for upload in uploads if upload.when > now - limits.age]
            if not uploads:
                del self._uploads[name]
        uploads = self._uploads.setdefault(visitor, [])
        this = _Upload(now)
        # Each file follows a mark, and another one ends the request.
        marks = _Count(b"--" + parse_options_header(headers.get("content-type"))[1].get(b"boundary", b""))

        def check(size: int, piece: bytes) -> None:
            marks.add(piece)
            others, files = [upload for upload in uploads if upload is not this], max(1, marks.found - 1)
            if sum(upload.files for upload in others) + files > limits.uploads:
                told = f"You have uploaded {limits.uploads} files, the limit for now. Try again later."
                raise HTTPException(413, told)
            if size > limits.file + _FORM:
                raise _too_large("The file has", limits.file)
            if sum(upload.size for upload in others) + size > limits.uploaded:
                raise _too_large("With this file you have uploaded", limits.uploaded)
            this.files, this.size = files, max(this.size, size)

        check(length, b"")
        uploads.append(this)
        return check

    async def _discard(self, receive) -> None:
        left, more = _DISCARDED * self._limits.file, True
        while more and left > 0:
            message = await receive()
            left -= len(message.get("body", b""))
            more = message.get("more_body", False)


def _too_large(begin: str, limit: int) -> HTTPException:
    return HTTPException(413, f"{begin} more than the limit of {limit / 1e6:g} MB.")


def _hostname(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
