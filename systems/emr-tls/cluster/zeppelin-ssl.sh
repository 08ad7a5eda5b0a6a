#!/bin/bash
# Step EMR-Setup-Zeppelin-SSL: Zeppelin answers HTTPS on 7773, with the stores that EMR has made for Presto.
set -euo pipefail
site=/etc/zeppelin/conf/zeppelin-site.xml
value() { sudo sed -n "s/^$1 *= *//p" /etc/presto/conf/config.properties; }
[ -f "$site" ] || sudo cp "$site.template" "$site"
sudo python3 - "$site" <<SETTINGS
import sys
import xml.etree.ElementTree as tree

site = sys.argv[1]
document = tree.parse(site)
root = document.getroot()
wanted = {
    "zeppelin.server.port": "8890",
    "zeppelin.server.ssl.port": "7773",
    "zeppelin.ssl": "true",
    "zeppelin.ssl.keystore.path": """$(value http-server.https.keystore.path)""",
    "zeppelin.ssl.keystore.password": """$(value http-server.https.keystore.key)""",
    "zeppelin.ssl.truststore.path": """$(value internal-communication.https.keystore.path)""",
    "zeppelin.ssl.truststore.password": """$(value internal-communication.https.keystore.key)""",
    "zeppelin.ssl.key.manager.password": """$(value http-server.https.keymanager.password)""",
}
for setting in root.findall("property"):
    name = setting.findtext("name")
    if name in wanted:
        setting.find("value").text = wanted.pop(name)
for name, text in wanted.items():
    setting = tree.SubElement(root, "property")
    tree.SubElement(setting, "name").text = name
    tree.SubElement(setting, "value").text = text
document.write(site)
SETTINGS
sudo chown zeppelin "$site" && sudo chmod 600 "$site"
if command -v systemctl > /dev/null; then sudo systemctl restart zeppelin; else sudo stop zeppelin || true; sudo start zeppelin; fi
