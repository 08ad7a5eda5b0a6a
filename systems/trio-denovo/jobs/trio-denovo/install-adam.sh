#!/bin/bash
# A bootstrap action: puts ADAM on a node, where Spark finds it as local:/usr/lib/adam/adam.jar. $1: the JAR in S3.
# It is never on Spark's extra class path: its Jackson would come before Spark's own.
set -euo pipefail
sudo mkdir -p /usr/lib/adam
sudo aws s3 cp --only-show-errors "$1" /usr/lib/adam/adam.jar
sudo chmod 644 /usr/lib/adam/adam.jar
