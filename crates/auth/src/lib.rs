//! Principals, credentials and permissions.
