//! Listeners, TLS, connection limits and drain; knows no protocol.
