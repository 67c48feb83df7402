#!/usr/bin/env bash
# Interop tests with unmodified clients.
#
#   tests/interop/run.sh target/release/anymq [PART…]      parts: probes node celery crash kafka eos registry (all)
#
# Installs the clients from PyPI, npm and Maven beside the tests, once. Longer runs, as for a release:
#   CRASH_ROUNDS=200 EOS_ROUNDS=200 CELERY_TASKS=10000 A12_ROUNDS=1000 tests/interop/run.sh target/release/anymq
# Against a server that runs already (tests that kill the broker are skipped):
#   AMQP_URL=amqp://HOST:PORT RABBITMQ_MANAGEMENT=http://guest:guest@HOST:PORT RABBITMQ_METRICS=http://HOST:PORT tests/interop/run.sh - [PART…]
set -u
here=$(cd "$(dirname "$0")" && pwd)
if [ $# -lt 1 ]; then sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2; fi
if [ "$1" != - ]; then
  ANYMQ_BIN=$(realpath "$1") || exit 2
  [ -x "$ANYMQ_BIN" ] || { echo "$ANYMQ_BIN is not a program"; exit 2; }
  export ANYMQ_BIN
  unset AMQP_URL RABBITMQ_MANAGEMENT RABBITMQ_METRICS
elif [ -z "${AMQP_URL:-}" ]; then
  echo "without a binary AMQP_URL says which server"; exit 2
fi
shift
parts=${*:-probes node celery crash kafka eos registry}
failed=
INTEROP_SKIPPED=$(mktemp); export INTEROP_SKIPPED
trap 'rm -f "$INTEROP_SKIPPED"' EXIT

python=$here/python/.venv/bin/python
install_python() {
  cmp -s "$here/python/requirements.txt" "$here/python/.venv/installed.txt" && return
  python3 -m venv "$here/python/.venv" && "$python" -m pip install --quiet --disable-pip-version-check -r "$here/python/requirements.txt" \
    && cp "$here/python/requirements.txt" "$here/python/.venv/installed.txt"
}
install_node() {
  cmp -s "$here/node/package-lock.json" "$here/node/node_modules/installed.json" && return
  (cd "$here/node" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) && cp "$here/node/package-lock.json" "$here/node/node_modules/installed.json"
}
install_both() { # FOLDER: clients from PyPI and npm
  local here=$here/$1
  cmp -s "$here/requirements.txt" "$here/.venv/installed.txt" || {
    python3 -m venv "$here/.venv" && "$here/.venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt" \
      && cp "$here/requirements.txt" "$here/.venv/installed.txt"
  } || return
  [ ! -d "$here/java" ] || install_kafka_jars "$here/java" || echo "Kafka's jars cannot be installed: its own client and tools are not tested"
  cmp -s "$here/package-lock.json" "$here/node_modules/installed.json" && return
  (cd "$here" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) && cp "$here/package-lock.json" "$here/node_modules/installed.json"
}
install_kafka_jars() {
  cmp -s "$1/pom.xml" "$1/lib/installed.xml" && return
  command -v java > /dev/null && command -v mvn > /dev/null || return
  (cd "$1" && mvn --quiet --batch-mode dependency:copy-dependencies -DoutputDirectory=lib) && cp "$1/pom.xml" "$1/lib/installed.xml"
}
pytest() { (cd "$here/python" && "$python" -m pytest -p no:cacheprovider "$@"); }
part() { # NAME COMMAND…
  local name=$1 begin=$SECONDS
  shift
  echo "== $name"
  "$@" || failed="$failed $name"
  echo "== $name took $((SECONDS - begin)) s"
}

case " $parts " in *" probes "*|*" celery "*) install_python || { echo "cannot install the Python clients"; exit 2; };; esac
case " $parts " in *" node "*|*" crash "*|*" kafka "*) install_node || { echo "cannot install the Node clients"; exit 2; };; esac
case " $parts " in *" kafka "*|*" crash "*|*" eos "*) install_both kafka || { echo "cannot install the Kafka clients"; exit 2; };; esac
case " $parts " in *" registry "*) install_both registry || { echo "cannot install the registry's clients"; exit 2; };; esac

for name in $parts; do
  case $name in
    probes) part probes pytest test_probes.py test_pika.py test_metrics.py test_restart.py test_operating.py test_tls.py test_oauth2.py test_clients.py test_disk_full.py test_delayed.py test_policies.py test_alarms.py;;
    node) part node env INTEROP_TIMEOUT_MS=$((300000 + ${A12_ROUNDS:-0} * 1000)) npm --prefix "$here/node" test --silent;;
    kafka)
      if [ -n "${ANYMQ_BIN:-}" ]; then
        part kafkajs npm --prefix "$here/kafka" test --silent
        part librdkafka bash -c 'cd "$0" && .venv/bin/python -m pytest -p no:cacheprovider test_librdkafka.py test_groups.py test_mapping.py test_crossing.py test_promises.py test_operating.py test_tools.py test_quotas.py test_security.py' "$here/kafka"
      else
        echo "== kafka skipped: starts brokers of its own"
      fi;;
    registry)
      if [ -n "${ANYMQ_BIN:-}" ]; then
        part registry-js npm --prefix "$here/registry" test --silent
        part registry-python bash -c 'cd "$0" && .venv/bin/python -m pytest -p no:cacheprovider test_api.py test_serializers.py' "$here/registry"
      else
        echo "== registry skipped: starts brokers of its own"
      fi;;
    eos)
      if [ -n "${ANYMQ_BIN:-}" ]; then
        part eos "$here/kafka/.venv/bin/python" "$here/eos/eos.py" --rounds "${EOS_ROUNDS:-10}"
      else
        echo "== eos skipped: kills the broker"
      fi;;
    celery) part celery pytest test_celery.py;;
    crash)
      part checker node --test "$here/crash/ledger.test.js"
      if [ -n "${ANYMQ_BIN:-}" ] || [ -n "${CRASH_START:-}" ]; then
        part crash node "$here/crash/crash.js" --rounds "${CRASH_ROUNDS:-10}"
      else
        echo "== crash skipped: kills the broker"
      fi;;
    *) echo "no part $name"; exit 2;;
  esac
done
if [ -s "$INTEROP_SKIPPED" ]; then
  # Last, where it is seen: a tool that this machine lacks must not look like a test that passed.
  echo "interop: NOT TESTED on this machine ($(wc -l < "$INTEROP_SKIPPED") skipped):"
  sort "$INTEROP_SKIPPED" | sed 's/^/  /'
fi
if [ -n "$failed" ]; then echo "FAILED:$failed"; exit 1; fi
echo "interop: all parts passed ($parts)"
