"""Files at documents: the multipart upload, the download address, and the printed form."""

from __future__ import annotations

import base64
import json
import re

from werkzeug.wrappers import Request

from integrations.simulation.store import from_json

from .books import Books
from .company import Body, Company
from .entities import ENTITIES
from .faults import Fault


def upload(company: Company, books: Books, request: Request) -> list[Body]:
    """One answer per uploaded file, the attachable or its Fault; raises Fault 2020 for a body without parts."""
    parts = _parts(request)
    found: list[Body] = []
    for name, described in parts.items():
        if not name.startswith("file_metadata_"):
            continue
        content = parts.get(name.replace("metadata", "content"), b"")
        try:
            body = books.write(ENTITIES["Attachable"], from_json(described))
            row = company.row(ENTITIES["Attachable"], body["Id"])
            where = {
                "FileAccessUri": f"/v3/company/{company.realm}/download/{row.id}",
                "TempDownloadUri": f"{request.url_root}download/{row.id}",
                "Size": len(content),
            }
            found.append({"Attachable": company.touch(ENTITIES["Attachable"], row, where, new_version=False).body})
        except ValueError as error:
            raise Fault(
                "2010", f"Property Name:{name} is no JSON: {error} specified is unsupported or invalid"
            ) from None
        except Fault as fault:
            found.append({"Fault": fault.body()})
    if not found:
        raise Fault("2020", "Required parameter file_metadata_01 is missing in the request", element="file_metadata_01")
    return found


def address(root: str, company: Company, id: str) -> str:
    """Where the file itself can be fetched for a short time; raises Fault 610."""
    return f"{root}download/{company.row(ENTITIES['Attachable'], id).id}"


def pdf(title: str) -> bytes:
    """A page with the title on it."""
    text = json.dumps(title)[1:-1].replace("(", r"\(").replace(")", r"\)")
    drawing = f"BT /F1 24 Tf 72 720 Td ({text}) Tj ET".encode("latin-1", "replace")
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(drawing), drawing),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    page = b"%PDF-1.4\n"
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(page))
        page += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return page + b"xref\n0 6\n0000000000 65535 f \n%strailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (
        table,
        len(page),
    )


def _parts(request: Request) -> dict[str, bytes]:
    """The multipart members by name, as tolerant of line ends as the vendor is."""
    boundary = request.mimetype_params.get("boundary", "")
    parts = {}
    for part in request.get_data(cache=True).split(b"--" + boundary.encode()) if boundary else []:
        found = re.fullmatch(rb"\s*(.*?)\r?\n\r?\n(.*?)\r?\n", part, re.DOTALL)
        name = re.search(rb'name="([^"]+)"', found[1]) if found else None
        if found and name:
            encoded = b"transfer-encoding: base64" in found[1].lower()
            parts[name[1].decode()] = base64.b64decode(found[2]) if encoded else found[2]
    return parts
