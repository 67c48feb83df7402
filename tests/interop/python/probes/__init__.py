"""The table of probes: one module per chapter of the feature table."""

from probes import admin, connection, consume, deadletter, exchanges, frames, interleaving, publish, queues, queuetypes, streams, values

MODULES = [connection, frames, interleaving, values, exchanges, queues, queuetypes, streams, publish, consume, deadletter, admin]
PROBES = [probe for module in MODULES for probe in module.PROBES]

assert len({probe.id for probe in PROBES}) == len(PROBES), "two probes with one id"
