#!/bin/sh
# A stand-in for the broker in the tests of the testkit: the same arguments and ready file, no protocol.
while [ $# -gt 0 ]; do
    case "$1" in --data-dir) data=$2; shift;; --ready-file) ready=$2; shift;; esac
    shift
done
mkdir -p "$data"
echo started >> "$data/starts"
echo "listening ${EXTRA:-}"
[ -n "${BROKEN:-}" ] && { echo "cannot open the journal" >&2; exit 3; }
[ -n "${SILENT:-}" ] && exec sleep 60
# Before the ready file: whoever reads it may stop this at once.
trap 'exit 0' TERM
amqp=${ANYMQ_AMQP__PORT}; [ "$amqp" = 0 ] && amqp=40001
admin=${ANYMQ_ADMIN__PORT}; [ "$admin" = 0 ] && admin=40002
kafka=${ANYMQ_KAFKA__PORT}; [ "$kafka" = 0 ] && kafka=40003
printf '{"amqp":"127.0.0.1:%s","admin":"127.0.0.1:%s","kafka":"127.0.0.1:%s","pid":%s}' "$amqp" "$admin" "$kafka" $$ > "$ready.tmp"
mv "$ready.tmp" "$ready"
while :; do sleep 0.01; done
