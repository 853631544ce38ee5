"""Holds the examples of deploy/, and docs/operations.md, to Herald: what they name is there, their settings
pass, and their waits outlast a drain."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
HERALD = os.environ["HERALD_BIN"]
#: What a shutdown takes beyond server.drain_timeout: LAST_EVENTS and SHUTDOWN_GRACE in src/startup.rs.
LAST_SECONDS = 5

failed = []


def check(name: str, holds: bool, why: str = "") -> None:
    print(f"{'ok' if holds else 'FAILED'}: {name}")
    if not holds:
        failed.append(name)
        print(why)


def seconds(text: str) -> int:
    return int(re.fullmatch(r"(\d+)s", text)[1])


def takes_settings(name: str, text: str, scratch: Path, **variables: str) -> None:
    file = scratch / "herald.toml"
    file.write_text(text)
    command = [HERALD, "check", "--settings", file, "--without-secrets", "--deny-warnings"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **variables})
    check(f"{name}: herald check", done.returncode == 0, done.stderr)


def check_systemd(drain: int, scratch: Path) -> None:
    unit = (DEPLOY / "herald.service").read_text()
    stop = seconds(re.search(r"^TimeoutStopSec=(.*)$", unit, re.MULTILINE)[1])
    check("herald.service: TimeoutStopSec outlasts a drain", stop > drain)
    named = set(re.findall(r"^#?LoadCredential=([^:]+):", unit, re.MULTILINE))
    settings = (DEPLOY / "herald.toml").read_text()
    used = set(re.findall(r"/run/credentials/herald.service/([\w.-]+)", settings))
    check("herald.service: hands over what herald.toml asks for", named == used, f"{named} {used}")
    analyze = shutil.which("systemd-analyze")
    if not analyze:
        print("skipped: systemd-analyze is not there")
        return
    file = scratch / "herald.service"
    file.write_text(unit.replace("/usr/local/bin/herald", HERALD))
    done = subprocess.run([analyze, "verify", "--man=no", file], capture_output=True, text=True)
    # Other units of this machine may be told of too.
    told = [line for line in done.stderr.splitlines() if "herald.service" in line]
    check("herald.service: systemd-analyze verify", not told, "\n".join(told))


def check_kubernetes(drain: int, delay: int, scratch: Path) -> None:
    objects = {each["kind"]: each for each in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())}
    pod = objects["Deployment"]["spec"]["template"]
    labels = objects["Deployment"]["spec"]["selector"]["matchLabels"]
    check("kubernetes.yaml: the pods are found",
          labels == pod["metadata"]["labels"] == objects["Service"]["spec"]["selector"]
          == objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"])
    grace = pod["spec"]["terminationGracePeriodSeconds"]
    check("kubernetes.yaml: terminationGracePeriodSeconds outlasts a drain", grace > drain)
    [container] = pod["spec"]["containers"]
    probe = container["readinessProbe"]
    noticed = probe["periodSeconds"] * probe["failureThreshold"]
    check("kubernetes.yaml: the readiness probe notices within drain_delay", 2 * noticed <= delay)
    folders = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    settings = objects["ConfigMap"]["data"]["herald.toml"]
    check("kubernetes.yaml: the settings are where --settings says",
          container["args"] == ["--settings", f"{folders['settings']}/herald.toml"])
    check("kubernetes.yaml: the secrets are where the settings say",
          set(re.findall(r'file = "(.*)/', settings)) == {folders["secrets"]})
    variables = {each["name"]: each["value"] for each in container["env"]}
    takes_settings("kubernetes.yaml", settings, scratch, **variables)


def check_container() -> None:
    text = (DEPLOY / "Containerfile").read_text()
    manifest = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]
    version = re.search(r"rust:([\d.]+)-", text)[1]
    admin = tomllib.loads((ROOT / "settings/default.toml").read_text())["admin"]["listen"]
    probe = re.search(r"^HEALTHCHECK (?:.*\\\n)*.*CMD (\[.*\])", text, re.MULTILINE)
    check("Containerfile: the health check asks the admin listener", json.loads(probe[1])
          == ["/usr/local/bin/herald", "health", "--address", admin])
    check("Containerfile: builds with the version of Cargo.toml", version == manifest["rust-version"])
    copied = re.findall(r"^COPY (?!--)(.*) \S+$", text, re.MULTILINE)
    lacking = [name for line in copied for name in line.split() if not (ROOT / name).exists()]
    check("Containerfile: copies what there is", not lacking, str(lacking))


def check_operations() -> None:
    page = (ROOT / "docs/operations.md").read_text()
    api = (ROOT / "docs/api.md").read_text()
    codes = set(re.findall(r"`((?:upstream|gateway)_\w+)`", page))
    check("operations.md: every code is in api.md", all(f"`{code}`" in api for code in codes))
    links = re.findall(r"\]\(([^)#]+)", page)
    lacking = [link for link in links if not (ROOT / "docs" / link).exists()]
    check("operations.md: every link leads somewhere", not lacking, str(lacking))
    defaults = tomllib.loads((ROOT / "settings/default.toml").read_text())
    named = set(re.findall(r"`((?:server|clocks|stream|upstream)\.[a-z_]+)`", page))
    lacking = [key for key in named - {"server.tls", "upstream.code"} if key.split(".")[1] not in defaults[key.split(".")[0]]]
    check("operations.md: every setting is one", not lacking, str(lacking))


def main() -> int:
    server = tomllib.loads((ROOT / "settings/default.toml").read_text())["server"]
    drain = seconds(server["drain_timeout"]) + LAST_SECONDS
    with tempfile.TemporaryDirectory(prefix="herald-deploy-") as folder:
        scratch = Path(folder)
        takes_settings("herald.toml", (DEPLOY / "herald.toml").read_text(), scratch)
        check_systemd(drain, scratch)
        check_kubernetes(drain, seconds(server["drain_delay"]), scratch)
        check_container()
    check_operations()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
