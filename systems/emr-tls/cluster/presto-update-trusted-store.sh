#!/bin/bash
# Step EMR-Setup-Presto-Trusted-Store: Java's own trust store gets what the nodes trust, so that Presto's clients do, too.
set -euo pipefail
value() { sudo sed -n "s/^$1 *= *//p" /etc/presto/conf/config.properties; }
sudo keytool -importkeystore -noprompt \
  -srckeystore /usr/share/aws/emr/security/conf/truststore.jks -srcstorepass "$(value internal-communication.https.keystore.key)" \
  -destkeystore "$(readlink -f /usr/lib/jvm/java)/jre/lib/security/cacerts" -deststorepass changeit
