"""Opens TLS to every node of a cluster and writes what each port presents: `verify_nodes.py REPORT PORT...`.

REPORT is s3://... or `-` for standard output. A PORT is `master:8446`, of the master alone, or `node:13562`, of all others;
`HOST@node:PORT` names a host itself. The report is one JSON object: {"endpoints": [{"host", "port", "role", "protocol",
"fingerprint", "error"}]}. Runs on Python 3.6 and later without packages.
"""

import hashlib
import json
import re
import socket
import ssl
import subprocess
import sys

TIMEOUT_S = 15


def read_nodes():
    """The hosts that YARN knows of, whatever their state."""
    text = subprocess.check_output(["yarn", "node", "-list", "-all"], stderr=subprocess.DEVNULL).decode()
    return sorted(set(re.findall(r"^\s*(\S+):\d+\s", text, re.MULTILINE)))


def look(host, port, role):
    endpoint = {"host": host, "port": port, "role": role, "protocol": None, "fingerprint": None, "error": None}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # What is presented is reported; whether it is the right one is judged by whoever has stored it.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection((host, port), TIMEOUT_S) as plain:
            with context.wrap_socket(plain, server_hostname=host) as secure:
                digest = hashlib.sha256(secure.getpeercert(True)).hexdigest().upper()
                endpoint["fingerprint"] = ":".join(re.findall("..", digest))
                endpoint["protocol"] = secure.version()
    except (OSError, ValueError) as error:
        endpoint["error"] = str(error) or type(error).__name__
    return endpoint


def endpoints_of(port):
    """What a PORT names, as (host, port, role)."""
    if "@" in port:
        host, rest = port.split("@")
        role, number = rest.split(":")
        return [(host, int(number), role)]
    role, number = port.split(":")
    hosts = [socket.getfqdn()] if role == "master" else read_nodes()
    return [(host, int(number), role) for host in hosts]


def main():
    report, ports = sys.argv[1], sys.argv[2:]
    text = json.dumps({"endpoints": [look(*endpoint) for port in ports for endpoint in endpoints_of(port)]})
    if report == "-":
        print(text)
    else:
        subprocess.run(["aws", "s3", "cp", "-", report], input=text.encode(), check=True)


if __name__ == "__main__":
    main()
