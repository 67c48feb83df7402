//! The whole door over an in-memory stream, with a real broker on a disk in memory.

mod channels;
mod client;
mod consuming;
mod opening;
mod publishing;
mod topology;
