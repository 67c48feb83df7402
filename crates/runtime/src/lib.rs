//! Clock, disk and random numbers: the parts of the outside world that tests and the simulator replace.
//!
//! Stands on `types`. Nothing above it asks the operating system for the time, for entropy or for a file: it is handed
//! a [`Clock`], an [`Rng`] or a [`Disk`] by its constructor. Start with [`disk`]; [`fault`] is the disk that crashes,
//! tears writes, fills up and lies about fsync on command.
//!
//! **Invariant:** the same seed, the same clock steps and the same calls give the same results.

pub mod clock;
pub mod disk;
pub mod fault;
pub mod real;
pub mod rng;

pub use clock::{Clock, ManualClock, SystemClock};
pub use disk::{Disk, DiskFile};
pub use fault::{FaultDisk, Loss};
pub use real::RealDisk;
pub use rng::Rng;
