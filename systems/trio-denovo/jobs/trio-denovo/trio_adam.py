"""What both scripts do with ADAM and with files. Its JAR has to be among Spark's jars, and never on the extra class path."""

import contextlib
import re
import uuid

from pyspark.sql import DataFrame
from sluice_rows import BadData


class Adam:
    """ADAM, called through the virtual machine: its Python package is not needed."""

    def __init__(self, spark, stringency):
        self.spark = spark
        self.jvm = self.spark.sparkContext._jvm
        context = self.jvm.org.bdgenomics.adam.ds.ADAMContext.ADAMContextFromSession(self.spark._jsparkSession)
        self.adam = self.jvm.org.bdgenomics.adam.api.java.JavaADAMContext(context)
        self.stringency = getattr(self.jvm.htsjdk.samtools.ValidationStringency, stringency)

    def genotypes(self, location):
        return DataFrame(self.adam.loadGenotypes(location, self.stringency).toDF(), self.spark)

    def alignments(self, location):
        # ADAM reads BAM by another file system of S3's than Spark's own.
        location = re.sub("^s3://", "s3a://", location)
        return DataFrame(self.adam.loadAlignments(location, self.stringency).toDF(), self.spark)


    @contextlib.contextmanager
    def reading(self, location):
        """Tells the file when a line or record of it cannot be read."""
        try:
            yield
        except Exception as error:
            # The line's number is counted from the beginning of a part of the file.
            unread = re.search(r"(?:TribbleException|SAMFormatException): (?:Line \d+: )?(.*)", str(error))
            if not unread:
                raise
            raise BadData("%s: %s" % (self.name_of(location), unread.group(1)))

    def name_of(self, location):
        """A local stack's buckets are folders; errors name the object."""
        buckets = self.spark.conf.get("spark.sluice.buckets", "")
        return "s3://" + location[len(buckets) :] if buckets and location.startswith(buckets) else location


class Files:
    """Files that Hadoop reads and writes: in S3, HDFS or on a disk."""

    def __init__(self, spark, location):
        self.hadoop = spark.sparkContext._jvm.org.apache.hadoop.fs
        self.root = self.hadoop.Path(location.rstrip("/"))
        self.files = self.root.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration())
        # Checksum files of the local file system would lie in the bucket as objects of their own.
        self.files.setWriteChecksum(False)

    def path(self, name):
        return self.hadoop.Path(self.root, name)

    def aside(self):
        return self.path("_aside-" + uuid.uuid4().hex)

    def remove(self, path):
        self.files.delete(path, True)

    def replace(self, path, target):
        self.files.mkdirs(target.getParent())
        self.files.delete(target, True)
        if not self.files.rename(path, target):
            raise OSError("cannot rename %s to %s" % (path, target))

    def only_part(self, folder):
        return self.files.globStatus(self.hadoop.Path(folder, "part-*"))[0].getPath()

    def write_text(self, name, text):
        aside = self.aside()
        stream = self.files.create(aside)
        try:
            stream.write(bytearray(text.encode()))
        finally:
            stream.close()
        self.replace(aside, self.path(name))
