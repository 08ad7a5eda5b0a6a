#!/bin/bash
# Bootstrap action PrestoConfiguration: `emr-presto-conf.sh NAME`. Has Presto speak of its coordinator by the one name that
# the master's certificate is for. Presto is installed after bootstrap actions, so the change waits for it in the background.
set -euo pipefail
name="$1"
cat > /tmp/presto-discovery.sh <<'SCRIPT'
#!/bin/bash
set -euo pipefail
name="$1"
config=/etc/presto/conf/config.properties
until [ -s "$config" ] && grep -q '^discovery.uri' "$config"; do sleep 10; done
sed -i "s|^discovery.uri.*|discovery.uri = https://$name:8446|" "$config"
if grep -q '^coordinator *= *true' "$config"; then
  sed -i "s|^node.internal-address *=.*|node.internal-address = $name|" "$config"
fi
restart() {
  if command -v systemctl > /dev/null; then systemctl restart presto-server; else stop presto-server; start presto-server; fi
}
until restart; do sleep 10; done
SCRIPT
nohup sudo bash /tmp/presto-discovery.sh "$name" > /tmp/presto-discovery.log 2>&1 &
