//! Request and response types of the admin API.
