"""Convert a DynamoDB export to Parquet: without DynamoDB's types, with the schema of the data.

--export the export's own folder, --output folder that is replaced, --columns name:type,… that are there even if no item
has them. Reads today's DYNAMODB_JSON, full or incremental, and the lines of 2018. Runs on Glue, EMR, Livy and a laptop.
The worker's task convert-export does the same for small exports; the two agree value by value.
"""

import decimal
import json
import posixpath
import re

from pyspark.sql import types as T
from sluice_rows import BadData, RowJob, run


# An attribute of an incremental export's rows: `put`, or a `delete` that left the key only.
OPERATION = "ddb_operation"
PARTITION = "ddb_export_timestamp"
# The most digits of a decimal column; a DynamoDB number has as many.
DECIMAL_DIGITS = 38
EXPECTED = {"text": ("text",), "integer": ("long",), "number": ("decimal", 9), "boolean": ("boolean",)}


# What values an attribute was seen to have: ("nothing",), ("boolean",), ("text",), ("mixed",), ("list", element),
# ("map", {attribute: seen}) or ("number", digits before the point, digits after it, each fits 64 bits).
NOTHING = ("nothing",)
MIXED = ("mixed",)


def read(value):
    """Kind and content of a value such as {"S": "text"}, whatever the case of its type."""
    if not isinstance(value, dict) or len(value) == 0:
        raise BadData("%s is no DynamoDB value" % json.dumps(value)[:80])
    tag, content = next(iter(value.items()))
    tag = tag.upper()
    if tag in ("S", "B"):
        return "text", content
    if tag == "N":
        return "number", content
    if tag == "BOOL":
        return "boolean", content
    if tag in ("NULL", "NULLVALUE"):
        return "nothing", None
    if tag in ("SS", "BS"):
        return "list", [{"S": element} for element in content]
    if tag == "NS":
        return "list", [{"N": element} for element in content]
    if tag == "L":
        return "list", content
    if tag == "M":
        return "map", content
    raise BadData("%s is no DynamoDB value" % json.dumps(value)[:80])


def parse_number(text):
    """Sign, digits before the point without zeros in front, digits after it without zeros at the end."""
    match = re.match(r"^([+-]?)([0-9]*)\.?([0-9]*)(?:[eE]([+-]?[0-9]{1,3}))?$", text)
    if match is None or match.group(2) + match.group(3) == "":
        raise BadData("%s is no DynamoDB number" % json.dumps(text)[:80])
    sign, whole, part, exponent = match.groups()
    digits = whole + part
    point = len(whole) + int(exponent or 0)
    integer = digits[: max(0, point)].ljust(point, "0").lstrip("0")
    fraction = ("0" * max(0, -point) + digits[max(0, point) :]).rstrip("0")
    return "-" if sign == "-" and integer + fraction != "" else "", integer, fraction


def format_number(text):
    sign, integer, fraction = parse_number(text)
    return sign + (integer or "0") + ("." + fraction if fraction else "")


def is_long(sign, integer, fraction):
    return fraction == "" and -(2**63) <= int(sign + (integer or "0")) < 2**63


def merge(a, b):
    """What was seen of either."""
    if a[0] == "nothing" or b[0] == "mixed":
        return b
    if b[0] == "nothing" or a[0] == "mixed":
        return a
    if a[0] != b[0]:
        return MIXED
    if a[0] == "number":
        return "number", max(a[1], b[1]), max(a[2], b[2]), a[3] and b[3]
    if a[0] == "list":
        return "list", merge(a[1], b[1])
    if a[0] == "map":
        return "map", merge_fields(dict(a[1]), b[1])
    return a


def merge_fields(fields, others):
    for attribute, seen in others.items():
        fields[attribute] = merge(fields.get(attribute, NOTHING), seen)
    return fields


def observe(value):
    kind, content = read(value)
    if kind == "number":
        digits = parse_number(content)
        return "number", len(digits[1]), len(digits[2]), is_long(*digits)
    if kind == "list":
        element = NOTHING
        for each in content:
            element = merge(element, observe(each))
        return "list", element
    if kind == "map":
        return "map", {attribute: observe(each) for attribute, each in content.items()}
    return (kind,)


def resolve(seen):
    """The column type: an integer of 64 bits, else an exact decimal, else (of more than 38 digits) a text."""
    if seen[0] == "nothing":
        return ("text",)
    if seen[0] == "number":
        if seen[3]:
            return ("long",)
        return ("decimal", seen[2]) if seen[1] + seen[2] <= DECIMAL_DIGITS else ("text",)
    if seen[0] == "list":
        return "list", resolve(seen[1])
    if seen[0] == "map":
        # Parquet has no struct without fields.
        return ("struct", name_columns(seen[1], [])) if seen[1] else MIXED
    return seen


def name_columns(fields, reserved):
    """(name, attribute, type) by name. Of attributes whose names become the same, the first by code points keeps it."""
    taken = set(reserved)
    columns = []
    for attribute in sorted(fields):
        wanted = to_snake_case(attribute)
        name, number = wanted, 2
        while name in taken:
            name, number = "%s_%d" % (wanted, number), number + 1
        taken.add(name)
        columns.append((name, attribute, resolve(fields[attribute])))
    return sorted(columns, key=lambda column: column[0])


def to_snake_case(attribute):
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", attribute)
    name = re.sub(r"([A-Z])([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"[^A-Za-z0-9]", "_", name).lower() or "_"


def convert(value, kind):
    """A value for a column of this type."""
    tag, content = read(value)
    if tag == "nothing":
        return None
    if kind[0] == "mixed":
        return content if tag == "text" else to_json(value)
    if tag == "number":
        plain = format_number(content)
        return {"long": int, "decimal": decimal.Decimal, "text": str}[kind[0]](plain)
    if tag == "list":
        return [convert(element, kind[1]) for element in content]
    if tag == "map":
        return convert_item(content, kind[1])
    return content


def convert_item(item, columns):
    return tuple(convert(item[attribute], kind) if attribute in item else None for _, attribute, kind in columns)


def to_json(value):
    """The value as JSON without DynamoDB's types, keys by code points."""
    tag, content = read(value)
    if tag == "nothing":
        return "null"
    if tag == "number":
        return format_number(content)
    if tag == "list":
        return "[%s]" % ",".join(to_json(element) for element in content)
    if tag == "map":
        return "{%s}" % ",".join(
            "%s:%s" % (json.dumps(key, ensure_ascii=False), to_json(content[key])) for key in sorted(content)
        )
    return json.dumps(content, ensure_ascii=False)


def spark_type(kind):
    if kind[0] == "decimal":
        return T.DecimalType(DECIMAL_DIGITS, kind[1])
    if kind[0] == "list":
        return T.ArrayType(spark_type(kind[1]))
    if kind[0] == "struct":
        return T.StructType([T.StructField(name, spark_type(field)) for name, _, field in kind[1]])
    return {"long": T.LongType, "boolean": T.BooleanType}.get(kind[0], T.StringType)()


def read_line(line, form):
    """The operation (None in a full export) and the item of a record."""
    try:
        record = json.loads(line)
        if form == "datapipeline":
            return None, record
        if form == "full":
            return None, record["Item"]
        return ("put", record["NewImage"]) if record.get("NewImage") else ("delete", record["Keys"])
    except (ValueError, KeyError, TypeError) as error:
        raise BadData("%s in the line %s" % (error, line[:80]))


class Folder:
    """A folder that Hadoop reads: in S3, HDFS or on a disk."""

    def __init__(self, spark, location):
        self.jvm = spark.sparkContext._jvm
        self.location = location.rstrip("/")
        self.files = self.path("").getFileSystem(spark.sparkContext._jsc.hadoopConfiguration())

    def path(self, name):
        return self.jvm.org.apache.hadoop.fs.Path(self.location + ("/" + name if name else ""))

    def has(self, name):
        return self.files.exists(self.path(name))

    def read(self, name):
        stream = self.files.open(self.path(name))
        try:
            return self.jvm.org.apache.commons.io.IOUtils.toString(stream, "UTF-8")
        finally:
            stream.close()

    def names(self):
        return [status.getPath().getName() for status in self.files.listStatus(self.path("")) if status.isFile()]


def read_export(spark, location):
    """The form of the export, its data files, and how many records its manifest says there are."""
    folder = Folder(spark, location)
    if folder.has("manifest-summary.json"):
        summary = json.loads(folder.read("manifest-summary.json"))
        if summary["outputFormat"] != "DYNAMODB_JSON":
            raise BadData("%s: its format is %s; export as DYNAMODB_JSON" % (location, summary["outputFormat"]))
        lines = [json.loads(line) for line in folder.read("manifest-files.json").split("\n") if line.strip()]
        start = posixpath.dirname(summary["manifestFilesS3Key"])
        # An incremental export keeps its data beside its own folder; paths hold wherever the export was copied to.
        names = [posixpath.relpath(line["dataFileS3Key"], start) for line in lines]
        form = "incremental" if summary.get("exportType") == "INCREMENTAL_EXPORT" else "full"
        missing = [name for name in names if not folder.has(name)]
        expected = summary["itemCount"]
    elif folder.has("_SUCCESS"):
        names = sorted(name for name in folder.names() if name[0] not in "_." and name != "manifest")
        manifest = json.loads(folder.read("manifest")) if folder.has("manifest") else {"entries": []}
        urls = [posixpath.basename(entry["url"]) for entry in manifest["entries"] if entry["mandatory"]]
        form, missing, expected = "datapipeline", [name for name in urls if name not in names], None
    else:
        raise BadData("%s: no finished export; one has manifest-summary.json, or in the format of 2018 _SUCCESS" % location)
    if missing:
        raise BadData("%s: lacks %s of its manifest; copy the whole export" % (location, ", ".join(missing[:10])))
    return form, [folder.path(name).toString() for name in names], expected


def find_columns(lines, form, expected):
    """The columns, and how many records there are."""

    def observe_lines(each):
        fields, count = {}, 0
        for line in each:
            if line.strip():
                count += 1
                item = read_line(line, form)[1]
                merge_fields(fields, {attribute: observe(value) for attribute, value in item.items()})
        yield fields, count

    fields, count = {}, 0
    for found, number in lines.mapPartitions(observe_lines).collect():
        merge_fields(fields, found)
        count += number
    columns = name_columns(fields, [PARTITION] + ([OPERATION] if form == "incremental" else []))
    for name, kind in expected.items():
        known = [i for i, column in enumerate(columns) if column[0] == name]
        if not known:
            # An attribute's name is never empty, so this column stays null.
            columns.append((name, "", kind))
        elif fields[columns[known[0]][1]] == NOTHING:
            columns[known[0]] = (name, columns[known[0]][1], kind)
    return sorted(columns, key=lambda column: column[0]), count


def main():
    job = RowJob("convert export", "--export", "--output", "--columns")
    arguments, spark = job.arguments, job.spark
    expected = {
        name: EXPECTED[word] for name, word in (column.split(":") for column in arguments.columns.split(",") if column)
    }
    form, files, item_count = read_export(spark, arguments.export)
    context = spark.sparkContext
    # By a newline alone: a text may hold other characters that end lines for some.
    lines = context.textFile(",".join(files)) if files else context.emptyRDD()
    columns, count = find_columns(lines, form, expected)
    if item_count is not None and count != item_count:
        message = "%s: has %d records, and its manifest says %d; export anew"
        raise BadData(message % (arguments.export, count, item_count))
    incremental = form == "incremental"
    fields = ([T.StructField(OPERATION, T.StringType())] if incremental else []) + [
        T.StructField(name, spark_type(kind)) for name, _, kind in columns
    ]

    def to_row(line):
        operation, item = read_line(line, form)
        return ((operation,) if incremental else ()) + convert_item(item, columns)

    rows = lines.filter(lambda line: line.strip() != "").map(to_row)
    frame = spark.createDataFrame(rows, T.StructType(fields), verifySchema=False)

    job.read = count
    job.replace(arguments.output, lambda folder: frame.write.parquet(folder, compression="snappy"))
    job.tell_rows(count)


if __name__ == "__main__":
    run(main)
