//! Partitions: what is written in batches is read by offset, byte for byte, once it is on disk, and stays so over restarts.

mod crossing;
mod forward;
mod house;
mod keeping;
mod looking;
mod reading;
mod restarts;
mod shares;
mod spread;
mod transactions;
