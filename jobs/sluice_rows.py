"""Reads CSV by Sluice's rules on Spark, accounts for every row, and replaces an output whole.

    from sluice_rows import RowJob

    job = RowJob("my job")                      # --output, --delimiter, --skip-lines, --encoding, --max-bad-share, --rows-to
    sales = job.read_csv(job.arguments.sales, {"date": "VARCHAR", "revenue": "BIGINT"})
    job.write(sales.groupBy("date").count(), "parquet")

The rules are those of docs/data.md, and the same as of `sluice_csv` in `duckdb:query`. Every file is looked at once: that
counts its rows and finds those of which none can be made. Then Spark's own CSV reader reads it, with the dialect given;
only a file that readers would read differently (quotes in odd places, rows left out) is read by this module.
"""

import argparse
import codecs
import itertools
import json
import math
import re
import sys
import threading
import traceback
import urllib.parse
import uuid
import weakref
import zlib

from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T
from pyspark.sql.utils import AnalysisException

MAX_CASES = 100
MAX_TEXT = 1000
MAX_RECORD_LENGTH = 2000000
HEAD_LINES = 20
PROGRESS_SECONDS = 5
DELIMITERS = [(",", '","'), (";", '";"'), ("\t", "a tab"), ("|", '"|"')]
MARKS = [(codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")]
INTEGER = r"[+-]?[0-9]+"
DOUBLE = r"[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?"


class BadData(Exception):
    """The input is not what the job expects; the message names the file."""


def column_name(field):
    """`Forecasted Monthly Revenue` is `forecasted_monthly_revenue`."""
    return re.sub(r"\s+", "_", field.strip().lower())


def is_readable(text, kind):
    if kind == "VARCHAR":
        return True
    if kind == "BIGINT":
        return re.fullmatch(INTEGER, text, re.ASCII) is not None and -(2**63) <= int(text) < 2**63
    return re.fullmatch(DOUBLE, text, re.ASCII) is not None and math.isfinite(float(text))


def value_of(text, kind):
    """The column's value; what cannot be read is null."""
    if kind == "VARCHAR":
        return text
    pattern, spark_type = (INTEGER, "long") if kind == "BIGINT" else (DOUBLE, "double")
    value = F.when(text.rlike("^(?:%s)$" % pattern), F.regexp_replace(text, r"^\+", "")).cast(spark_type)
    return value if kind == "BIGINT" else F.when(F.abs(value) < F.lit(float("inf")), value)


def find_line_end(head, options):
    """The first says which kind all are of; one in a quoted name of the header is none."""
    if options["skip_lines"] == 0:
        between = re.escape(options["delimiter"])
        field = r'(?:"(?:[^"]|"")*"[ \t]*|[^"\r\n%s][^\r\n%s]*|)' % (between, between)
        header = re.match(r"%s(?:%s%s)*(\r\n|\n|\r)" % (field, between, field), head)
        if header:
            return header.group(1)
    found = re.search(r"\r\n|\n|\r", head)
    return found.group() if found else "\n"


class Records:
    """Splits text into records; the same machine as src/duckdb/csv/records.ts, which has the rules."""

    def __init__(self, pieces, delimiter, line_end):
        self.pieces, self.delimiter, self.line_end = pieces, delimiter, line_end
        self.line_break = "\r" if line_end == "\r" else "\n"
        self.buffer, self.at, self.line, self.ended = "", 0, 1, False
        # What readers would read differently.
        self.odd = False
        self.quoted_line_break = False

    def read_line(self):
        end = self.find_line_end()
        if end == -1 and self.at >= len(self.buffer):
            return None
        return self.take(len(self.buffer) if end == -1 else end)

    def read_header(self):
        end = self.find_line_end()
        if end != -1 and self.text_to(end) == "":
            self.take(end)
            return []
        record = self.read()
        return record[2] if record and record[2] else []

    def read(self):
        """(line, text, fields or None, reason or None), or None at the end."""
        while True:
            line_end = self.find_line_end()
            if line_end == -1 and self.at >= len(self.buffer):
                return None
            end = len(self.buffer) if line_end == -1 else line_end
            line, text = self.line, self.text_to(end)
            self.look_at_line_end(end, text)
            if text == "":
                self.take(end)
                continue
            if '"' not in text:
                self.take(end)
                if len(text) > MAX_RECORD_LENGTH:
                    return line, text, None, "more than %d characters" % MAX_RECORD_LENGTH
                return line, text, [field.strip(" \t") for field in text.split(self.delimiter)], None
            parsed = self.parse()
            while parsed is None:
                self.fill()
                parsed = self.parse()
            fields, reason, end = parsed
            taken = self.take(end)
            if len(taken) > MAX_RECORD_LENGTH:
                return line, taken, None, "more than %d characters" % MAX_RECORD_LENGTH
            if self.line_break in taken:
                self.quoted_line_break = True
            return line, taken, fields, reason

    def look_at_line_end(self, end, text):
        """More than one kind, or a line break of another kind in a field, is read differently by others."""
        other = "\n" if self.line_end == "\r" else "\r"
        is_pair = len(text) == end - self.at - 1 or end == len(self.buffer)
        if other in text or (self.line_end != "\r\n" and len(text) != end - self.at):
            self.odd = True
        elif self.line_end == "\r\n" and not is_pair:
            self.odd = True

    def parse(self):
        buffer, fields, at = self.buffer, [], self.at
        while True:
            if buffer[at : at + 1] != '"':
                end = buffer.find(self.line_break, at)
                if end == -1 and not self.ended:
                    return None
                end = len(buffer) if end == -1 else end
                following = buffer.find(self.delimiter, at, end)
                text = buffer[at:following] if following != -1 else self.without_return(at, end)
                if '"' in text:
                    self.odd = True
                fields.append(text.strip(" \t"))
                if following == -1:
                    return fields, None, end
                at = following + 1
                continue
            close = self.find_closing_quote(at + 1)
            if close == -1:
                if not self.ended and len(buffer) - self.at <= MAX_RECORD_LENGTH:
                    return None
                end = buffer.find(self.line_break, self.at)
                return None, "a quote that never closes", len(buffer) if end == -1 else end
            after = close + 1
            while buffer[after : after + 1] in (" ", "\t") and buffer[after] != self.delimiter:
                after += 1
            if not self.ended and after + 1 >= len(buffer):
                return None
            value = buffer[at + 1 : close].replace('""', '"')
            if after != close + 1 or value.strip(" \t") != value:
                self.odd = True
            fields.append(value)
            if buffer[after : after + 1] == self.delimiter:
                at = after + 1
                continue
            if after >= len(buffer):
                return fields, None, len(buffer)
            skipped = after + 1 if self.line_break == "\n" and buffer[after] == "\r" else after
            if buffer[skipped : skipped + 1] == self.line_break or skipped >= len(buffer):
                return fields, None, skipped
            end = buffer.find(self.line_break, after)
            if end == -1 and not self.ended:
                return None
            return None, "text behind a closing quote", len(buffer) if end == -1 else end

    def find_closing_quote(self, start):
        at = self.buffer.find('"', start)
        while at != -1:
            if at + 1 == len(self.buffer) and not self.ended:
                return -1
            if self.buffer[at + 1 : at + 2] != '"':
                return at
            at = self.buffer.find('"', at + 2)
        return -1

    def find_line_end(self):
        start = self.at
        while True:
            end = self.buffer.find(self.line_break, start)
            if end != -1 or self.ended:
                return end
            start = len(self.buffer) - self.at
            self.fill()

    def fill(self):
        more = next(self.pieces, None)
        self.ended = more is None
        self.buffer = self.buffer[self.at :] + (more or "")
        self.at = 0

    def without_return(self, start, end):
        has_return = self.line_break == "\n" and end > start and self.buffer[end - 1] == "\r"
        return self.buffer[start : end - 1 if has_return else end]

    def text_to(self, end):
        return self.without_return(self.at, end)

    def take(self, end):
        text = self.text_to(end)
        self.line += self.buffer.count(self.line_break, self.at, end + 1)
        self.at = end + 1
        return text


class CsvFile:
    """One file, from its lines as Spark gives them: their bytes, cut at line feeds whatever the encoding."""

    def __init__(self, name, lines, options):
        self.name, self.options = name, options
        self.is_plain = True
        pieces = self.decode(self.unzip(self.join(lines)))
        head = next(pieces, "")
        while not re.search(r"[\r\n].", head, re.DOTALL):
            more = next(pieces, None)
            if more is None:
                break
            head += more
        self.head = head
        self.line_end = find_line_end(head, options)
        self.records = Records(self.chain(head, pieces), options["delimiter"], self.line_end)
        for _ in range(options["skip_lines"]):
            self.records.read_line()
            self.is_plain = False
        self.header = [column_name(field) for field in self.records.read_header()]

    @staticmethod
    def chain(head, pieces):
        yield head
        yield from pieces

    @staticmethod
    def join(lines):
        """Pieces of about a megabyte. Whether the last line had its line feed, nobody says."""
        piece, size, before = [], 0, b""
        for line in lines:
            piece.append(bytes(line))
            size += len(line) + 1
            if size > 1 << 20:
                yield before + b"\n".join(piece)
                piece, size, before = [], 0, b"\n"
        if piece:
            yield before + b"\n".join(piece)

    def unzip(self, pieces):
        first = next(pieces, b"")
        if not first.startswith(b"\x1f\x8b"):
            yield from self.chain(first, pieces)
            return
        self.is_plain = False
        unzipped = zlib.decompressobj(31)
        try:
            for piece in self.chain(first, pieces):
                yield unzipped.decompress(piece)
            # The last byte may have been taken for a line feed.
            yield b"" if unzipped.eof else unzipped.decompress(b"\n")
        except zlib.error as error:
            raise BadData("%s: its gzip is broken: %s" % (self.name, error))
        if not unzipped.eof:
            raise BadData("%s: its gzip is broken: it ends too early" % self.name)

    def decode(self, pieces):
        first = b""
        for piece in pieces:
            first += piece
            if len(first) >= 3:
                break
        marked = [(mark, encoding) for mark, encoding in MARKS if first.startswith(mark)]
        mark, encoding = marked[0] if marked else (b"", self.options["encoding"])
        try:
            encoding = codecs.lookup(encoding).name
        except LookupError:
            raise BadData("encoding: '%s' is unknown; give one such as windows-1252 or utf-16le" % encoding)
        self.is_plain = self.is_plain and encoding == "utf-8"
        decoder = codecs.getincrementaldecoder(encoding)("strict")
        offset, line = len(mark), 1
        # The last byte of UTF-16 may have been taken for a line feed.
        ending = [] if encoding.startswith("utf-16") else [None]
        for piece in itertools.chain([first[len(mark) :]], pieces, ending):
            waiting = len(decoder.getstate()[0])
            try:
                text = decoder.decode(piece or b"", final=piece is None)
            except UnicodeDecodeError as error:
                wrong = error.object[error.start]
                line += len(re.findall(rb"\r\n|\n|\r", error.object[: error.start]))
                raise BadData(
                    "%s: byte %d (0x%02X, line %d) is no %s; give the file's own encoding as the argument encoding, "
                    "such as windows-1252 or iso-8859-1"
                    % (self.name, offset - waiting + error.start + 1, wrong, line, encoding.upper())
                )
            offset += len(piece or b"")
            line += len(re.findall(r"\r\n|\n|\r", text))
            yield text

    def places(self, columns):
        found = []
        for name in columns:
            at = [i for i, header in enumerate(self.header) if header == name]
            if len(at) > 1:
                named = " and ".join(str(i + 1) for i in at)
                raise BadData('%s: columns %s are both called "%s"; give each its own name' % (self.name, named, name))
            if not at:
                has = ", ".join(self.header) or "nothing"
                message = '%s: no column "%s"; the header has %s%s'
                raise BadData(message % (self.name, name, cut(has), self.suggest(columns)))
            found.append(at[0])
        return found

    def suggest(self, columns):
        lines = self.head.split(self.line_end)[:HEAD_LINES]
        given, skipped = self.options["delimiter"], self.options["skip_lines"]
        for delimiter, shown in sorted(DELIMITERS, key=lambda each: each[0] != given):
            for at, line in enumerate(lines):
                fields = [re.sub(r'^\s*"(.*)"\s*$', r"\1", field, flags=re.DOTALL) for field in line.split(delimiter)]
                if not set(columns) <= {column_name(field) for field in fields}:
                    continue
                cures = [] if delimiter == given else ["its fields are separated by %s: give delimiter" % shown]
                cures += [] if at == skipped else ["its header is line %d: give skipLines %d" % (at + 1, at)]
                return "; " + ", and ".join(cures)
        if "\0" not in self.head:
            return ""
        return "; it seems to be UTF-16 without its mark: give encoding utf-16" + ("be" if self.head[0] == "\0" else "le")

    def rows(self):
        """(line, text, fields or None, reason or None)."""
        width = len(self.header)
        for line, text, fields, reason in iter(self.records.read, None):
            if fields is not None and len(fields) == width + 1 and fields[width] == "":
                self.is_plain = False
                fields = fields[:width]
            if fields is not None and len(fields) != width:
                fields, reason = None, "%d fields; the header has %d" % (len(fields), width)
            if fields is None:
                self.is_plain = False
            yield line, text, fields, reason
        if self.records.odd or width == 1 or (self.records.quoted_line_break and self.line_end != "\n"):
            self.is_plain = False


def shown_name(location, options):
    """The object's own name: Spark encodes it, and a local stack's buckets are folders."""
    name, buckets = urllib.parse.unquote(location), options["buckets"]
    return "s3://" + name[len(buckets) :] if buckets and name.startswith(buckets) else name


def cut(text):
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def survey(lines, columns, options):
    """What a file has, as JSON: its counts and first cases, or its problem."""
    name = None

    def bytes_of(first, rest):
        yield first["line"]
        for row in rest:
            yield row["line"]

    rows = iter(lines)
    first = next(rows, None)
    if first is None:
        return
    name = shown_name(first["file"], options)
    try:
        file = CsvFile(name, bytes_of(first, rows), options)
        places = file.places(columns)
        read = rejected = unread = 0
        cases = []
        for line, text, fields, reason in file.rows():
            if fields is None:
                rejected += 1
                if len(cases) < MAX_CASES:
                    cases.append({"file": name, "line": line, "column": None, "text": cut(text), "reason": reason})
                continue
            read += 1
            for place, (column, kind) in zip(places, columns.items()):
                if kind != "VARCHAR" and fields[place] != "" and not is_readable(fields[place], kind):
                    unread += 1
                    if len(cases) < MAX_CASES:
                        found = {"file": name, "line": line, "column": column, "text": cut(fields[place])}
                        cases.append(dict(found, reason="no %s" % kind))
        yield json.dumps(
            {
                "file": name,
                "read": read,
                "rejected": rejected,
                "unread": unread,
                "cases": cases,
                "plain": file.is_plain,
                "width": len(file.header),
                "places": places,
                "line_end": file.line_end,
                "quoted_line_break": file.records.quoted_line_break,
            }
        )
    except BadData as error:
        yield json.dumps({"file": name, "problem": str(error)})


def texts(lines, columns, options):
    """The rows of a file as texts."""
    rows = iter(lines)
    first = next(rows, None)
    if first is None:
        return

    def bytes_of():
        yield first["line"]
        for row in rows:
            yield row["line"]

    file = CsvFile(first["file"], bytes_of(), options)
    places = file.places(columns)
    for _, _, fields, _ in file.rows():
        if fields is not None:
            yield tuple(fields[place] or None for place in places)


class RowJob:
    """A Spark job whose rows are accounted for."""

    def __init__(self, name, *arguments, parser=None):
        """`arguments` are the names of further options of the script, all needed."""
        parser = parser or argparse.ArgumentParser()
        for argument in arguments:
            parser.add_argument(argument, required=True)
        parser.add_argument("--delimiter", default=",")
        parser.add_argument("--skip-lines", type=int, default=0)
        parser.add_argument("--encoding", default="utf-8")
        parser.add_argument("--max-bad-share", type=float, default=1.0)
        parser.add_argument("--rows-to")
        self.arguments, _ = parser.parse_known_args()
        self.spark = SparkSession.builder.appName(name).getOrCreate()
        self.options = {
            "buckets": self.spark.conf.get("spark.sluice.buckets", None),
            "delimiter": re.sub(r"^(\\t|tab)$", "\t", self.arguments.delimiter, flags=re.IGNORECASE),
            "skip_lines": self.arguments.skip_lines,
            "encoding": self.arguments.encoding,
        }
        self.read = self.rejected = self.unread = 0
        self.cases = []
        told_from = (weakref.ref(self), self.spark.sparkContext.statusTracker())
        threading.Thread(target=tell_progress, args=told_from, daemon=True).start()
        # Casts that do not fit are null, as the reading rules say.
        self.spark.conf.set("spark.sql.ansi.enabled", "false")
        self.spark.conf.set("spark.sql.legacy.timeParserPolicy", "CORRECTED")

    def read_csv(self, location, columns):
        """The columns (name: VARCHAR, BIGINT or DOUBLE), found by their headers; every row is counted."""
        lines = self.read_lines(location)
        options = self.options
        found = lines.rdd.mapPartitions(lambda part: survey(part, columns, options)).collect()
        files = [json.loads(each) for each in found]
        for file in files:
            if "problem" in file:
                raise BadData(file["problem"])
            self.read += file["read"]
            self.rejected += file["rejected"]
            self.unread += file["unread"]
            self.cases = (self.cases + file["cases"])[:MAX_CASES]
            if file["read"] == 0 and file["rejected"] > 0:
                raise BadData("no row could be read: %s" % describe_cases(file["cases"]))
        if not files:
            name = shown_name(location, self.options)
            raise BadData('%s: no column "%s"; the header has nothing' % (name, next(iter(columns))))
        self.check_share()
        plain = files[0]["plain"] and all(
            [file[key] for key in ("plain", "width", "places", "line_end")]
            == [files[0][key] for key in ("plain", "width", "places", "line_end")]
            for file in files
        )
        rows = self.read_plain(location, columns, files) if plain else self.read_texts(lines, columns)
        return rows.select([value_of_column(name, kind) for name, kind in columns.items()])

    def read_lines(self, location):
        """One partition a file, in the order of its lines; a text column holds any bytes."""
        for setting in ("spark.sql.files.maxPartitionBytes", "spark.sql.files.openCostInBytes"):
            self.spark.conf.set(setting, str(1 << 40))
        try:
            lines = self.spark.read.text(location, lineSep="\n").select(
                F.input_file_name().alias("file"), F.col("value").cast("binary").alias("line")
            )
            # Where the partitions are cut is decided here, while the settings hold.
            lines.rdd.getNumPartitions()
            return lines
        except AnalysisException as error:
            reason = str(error).splitlines()[0]
            raise BadData("%s: cannot be read: %s" % (shown_name(location, self.options), reason))

    def read_plain(self, location, columns, files):
        """By Spark's own reader; a row that it does not read as it was counted fails the job."""
        for setting in ("spark.sql.files.maxPartitionBytes", "spark.sql.files.openCostInBytes"):
            self.spark.conf.unset(setting)
        self.spark.conf.set("spark.sql.csv.parser.columnPruning.enabled", "false")
        width, places = files[0]["width"], files[0]["places"]
        schema = T.StructType([T.StructField("c%d" % i, T.StringType()) for i in range(width)])
        line_end = files[0]["line_end"]
        multi_line = any(file["quoted_line_break"] for file in files)
        dialect = {"sep": self.options["delimiter"], "quote": '"', "escape": '"', "header": True, "mode": "FAILFAST"}
        dialect.update(emptyValue="", nullValue="", maxCharsPerColumn=-1, multiLine=multi_line, encoding="UTF-8")
        if line_end != "\r\n":
            dialect["lineSep"] = line_end
        rows = self.spark.read.csv(location, schema=schema, **dialect)
        trimmed = ["trim(BOTH ' \t' FROM c%d)" % place for place in places]
        return rows.select([F.expr("nullif(%s, '')" % text).alias(name) for text, name in zip(trimmed, columns)])

    def read_texts(self, lines, columns):
        options = self.options
        schema = T.StructType([T.StructField(name, T.StringType()) for name in columns])
        return self.spark.createDataFrame(lines.rdd.mapPartitions(lambda part: texts(part, columns, options)), schema)

    def check_share(self):
        share = self.arguments.max_bad_share
        bad, rows = self.rejected + self.unread, self.read + self.rejected
        if bad and share < 1 and bad / rows > share:
            message = "%d rows were rejected and %d values could not be read, of %d rows: more than maxBadShare %s allows: %s"
            raise BadData(message % (self.rejected, self.unread, rows, share, describe_cases(self.cases)))

    def read_complete(self, location, columns):
        """The columns of a folder of Parquet that its job has finished: `_SUCCESS` is written last."""
        marker = self.path(location, "_SUCCESS")
        if not self.files_of(marker).exists(marker):
            raise BadData("%s: has no _SUCCESS, so it is missing or only half written" % location)
        rows = self.spark.read.parquet(location)
        for column in columns:
            if column not in rows.columns:
                raise BadData('%s: no column "%s"; the columns are %s' % (location, column, ", ".join(rows.columns)))
        self.read += rows.count()
        return rows.select(*columns)

    def write(self, frame, kind, output=None):
        """Replaces the output (`--output` unless one is given) by one file, and tells what became of the rows."""
        output = output or self.arguments.output
        self.replace(output, lambda folder: write_csv(self, frame, folder) if kind == "csv" else write_parquet(frame, folder))
        rejected = output.rstrip("/") + "-rejected"
        folder = self.path(rejected)
        if self.cases:
            lines = "".join(json.dumps(case, ensure_ascii=False) + "\n" for case in self.cases)
            self.replace(rejected, lambda aside: self.put(aside + "/part-00000.jsonl", lines))
        else:
            self.files_of(folder).delete(folder, True)
        if self.arguments.rows_to:
            self.tell_rows(self.spark.read.parquet(output).count() if kind == "parquet" else self.count_csv(output, frame))

    def tell_rows(self, written):
        """Tells what became of the rows, for a script that writes its output itself."""
        if self.arguments.rows_to:
            account = {"rowsRead": self.read, "rowsRejected": self.rejected, "valuesUnread": self.unread}
            self.put(self.arguments.rows_to, json.dumps(dict(account, rowsWritten=written)) + "\n")

    def count_csv(self, output, frame):
        return self.spark.read.csv(output, header=True, schema=frame.schema, multiLine=True, quote='"', escape='"').count()

    def replace(self, output, write):
        """Writes aside with `write(folder)`, then swaps: a job that fails leaves the output as it was.

        `_SUCCESS` goes first and comes last: in S3 a rename is a copy of one object after the other.
        """
        target = self.path(output.rstrip("/"))
        aside = self.path(target.getParent().toString(), "_aside-" + uuid.uuid4().hex)
        files = self.files_of(target)
        # Checksum files of the local file system would lie in the bucket as objects of their own.
        files.setWriteChecksum(False)
        try:
            write(aside.toString())
            files.delete(self.path(aside.toString(), "_SUCCESS"), False)
            files.delete(self.path(target.toString(), "_SUCCESS"), False)
            files.delete(target, True)
            files.mkdirs(target.getParent())
            if not files.rename(aside, target):
                raise OSError("cannot rename %s to %s" % (aside, target))
            files.create(self.path(target.toString(), "_SUCCESS")).close()
        finally:
            files.delete(aside, True)

    def put(self, location, text):
        path = self.path(location)
        files = self.files_of(path)
        files.setWriteChecksum(False)
        stream = files.create(path)
        stream.write(bytearray(text.encode()))
        stream.close()

    def path(self, location, name=None):
        path = self.spark.sparkContext._jvm.org.apache.hadoop.fs.Path
        return path(location) if name is None else path(location.rstrip("/"), name)

    def files_of(self, path):
        return path.getFileSystem(self.spark.sparkContext._jsc.hadoopConfiguration())


def tell_progress(reference, tracker):
    """Writes into the log how far a job is, as long as it is there; Livy shows that with the state of the batch."""
    before, wait = None, threading.Event()
    while not wait.wait(PROGRESS_SECONDS):
        job = reference()
        if job is None:
            return
        progress = {"rowsRead": job.read} if job.read else {}
        del job
        try:
            stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
        except Exception:
            # The session has ended.
            return
        stages = [stage for stage in stages if stage is not None]
        if stages:
            done = sum(stage.numCompletedTasks for stage in stages)
            progress = dict(tasks=done, of=sum(stage.numTasks for stage in stages), stage=stages[-1].stageId, **progress)
        if progress and progress != before:
            print("Sluice progress: %s" % json.dumps(progress), file=sys.stderr, flush=True)
            before = progress


def value_of_column(name, kind):
    column = F.col(name)
    return column if kind == "VARCHAR" else value_of(column, kind).alias(name)


def write_parquet(frame, folder):
    frame.coalesce(1).write.parquet(folder, compression="snappy")


def write_csv(job, frame, folder):
    """One CSV file with its header, also when there are no rows: Spark alone writes none then."""
    if frame.isEmpty():
        job.put(folder + "/part-00000.csv", ",".join(frame.columns) + "\n")
        return
    options = {"emptyValue": "", "nullValue": "", "quote": '"', "escape": '"'}
    # Spark would trim values on writing.
    options.update(ignoreLeadingWhiteSpace=False, ignoreTrailingWhiteSpace=False)
    frame.coalesce(1).write.csv(folder, header=True, **options)


def describe_cases(cases):
    """The first five."""
    told = []
    for case in cases[:5]:
        text = case["text"] if len(case["text"]) <= 80 else case["text"][:79] + "…"
        what = "%s: %s" % (case["reason"], text)
        if case["column"] is not None:
            what = '%s is "%s", %s' % (case["column"], text, case["reason"])
        told.append("%s, line %d: %s" % (case["file"], case["line"], what))
    return "; ".join(told)


def describe(error):
    """The innermost cause, in one line: the last lines of the log are what a person sees."""
    raised = re.findall(r"^(?:[\w.]*\.)?BadData: (.*)$", str(error), re.MULTILINE)
    if raised:
        return "BadData: " + raised[-1]
    causes = re.findall(r"^Caused by: (.*)$", str(error), re.MULTILINE)
    reason = causes[-1] if causes else "%s: %s" % (type(error).__name__, (str(error).splitlines() or ["no reason given"])[0])
    return reason[reason.find("BadData: ") :] if "BadData: " in reason else reason


def run(main):
    """Runs a script's `main`; what is wrong with its data is its last line."""
    try:
        main()
    except BadData as error:
        sys.exit("BadData: %s" % error)
    except Exception as error:
        traceback.print_exc()
        sys.exit(describe(error))
