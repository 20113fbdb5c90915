"""workbook - runs xlsx2csv on the workbook that is its standard input, with dates read as Excel reads them.

Arguments: what stands between the cells of a row, and how a date is written (strftime).

xlsx2csv reads the parts of a workbook as Python's zipfile gives them, and is given two of them as it understands them:

    workbook     date1904="0" as "false", the one word that it does not take for true; the dates would be 4 years late
    styleSheet   formats without what stands in brackets or quotes, for it looks for the letters of a date there too and
                 does not see that "[$-id-ID]dd mmmm yyyy" is the format of a date

Ends with 69 where there is no xlsx2csv, or one that reads in another way, past these changes.
"""

import io
import os
import re
import runpy
import sys
import zipfile
from xml.dom import minidom
from xml.etree import ElementTree

PROGRAM = "/usr/bin/xlsx2csv"
UNAVAILABLE = 69
BOOLEANS = {"0": "false", "false": "false", "1": "true", "true": "true"}
# What stays is in the group: an escaped character, a time that goes on beyond the day.
ASIDE = re.compile(r'(\\.|\[(?:h+|m+|s+)\])|"[^"]*"|\[[^]]*\]', re.IGNORECASE)

# By the name of a part's first element: of which elements in it, which attribute, becomes what.
CHANGES = {
    "workbook": ("workbookPr", "date1904", lambda text: BOOLEANS[text.strip()]),
    "styleSheet": ("numFmt", "formatCode", lambda text: ASIDE.sub(r"\1", text)),
}
given = set()


def first_element(part):
    try:
        return next(ElementTree.iterparse(part, ["start"]))[1].tag.rpartition("}")[2]
    except (ElementTree.ParseError, StopIteration):
        return None  # a picture, for one


def changed(part, element, attribute, change):
    document = minidom.parse(part)
    for node in document.getElementsByTagNameNS("*", element):
        if node.hasAttribute(attribute):
            node.setAttribute(attribute, change(node.getAttribute(attribute)))
    return io.BytesIO(document.toxml("utf-8"))


class Archive(zipfile.ZipFile):
    def open(self, *which, **how):
        with super().open(*which, **how) as part:
            kind = first_element(part)
        given.add(kind)
        part = super().open(*which, **how)
        return changed(part, *CHANGES[kind]) if kind in CHANGES else part


if not os.path.exists(PROGRAM):
    sys.exit(UNAVAILABLE)
sys.argv[1:] = ["--sheet=1", "--skipemptycolumns", "--delimiter=" + sys.argv[1], "--dateformat=" + sys.argv[2],
                "--timeformat=%H:%M:%S", "/proc/self/fd/0"]
zipfile.ZipFile = Archive
runpy.run_path(PROGRAM, run_name="__main__")
if "workbook" not in given:
    sys.exit(UNAVAILABLE)
