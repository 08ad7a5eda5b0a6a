#!/bin/bash
# Step EMR-Setup-Presto-Trusted-Store: Java's own trust store gets what the nodes trust, so that Presto's clients do, too.
set -euo pipefail
value() { sudo sed -n "s/^$1 *= *//p" /etc/presto/conf/config.properties; }
# By the environment: a command line is seen by everybody on the node.
STORE_PASSWORD="$(value internal-communication.https.keystore.key)"
export STORE_PASSWORD
sudo --preserve-env=STORE_PASSWORD keytool -importkeystore -noprompt \
  -srckeystore /usr/share/aws/emr/security/conf/truststore.jks -srcstorepass:env STORE_PASSWORD \
  -destkeystore "$(readlink -f /usr/lib/jvm/java)/jre/lib/security/cacerts" -deststorepass changeit
