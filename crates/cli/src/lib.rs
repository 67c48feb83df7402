//! The command line: speaks the admin API only.
