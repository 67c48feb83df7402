//! CPU and memory of a process and all its children, from /proc (see proc(5)).

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// What a process tree has used up to now, and holds now.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// User and system time.
    pub(crate) cpu: Duration,
    /// Resident bytes.
    pub(crate) resident: u64,
}

/// Fields of /proc/PID/stat.
#[derive(Debug, PartialEq)]
struct Stat {
    parent: u32,
    cpu_ticks: u64,
    resident_pages: u64,
}

/// Usage of `pid` and its descendants.
pub(crate) fn usage(pid: u32) -> Result<Usage> {
    let mut processes = BTreeMap::new();
    for entry in fs::read_dir("/proc").context("read /proc")? {
        let Ok(entry) = entry else { continue };
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // A process may end between the listing and the reading.
        let stat = fs::read_to_string(entry.path().join("stat")).ok();
        if let Some(stat) = stat.as_deref().and_then(Stat::parse) {
            processes.insert(id, stat);
        }
    }
    anyhow::ensure!(processes.contains_key(&pid), "no process {pid}");

    let (mut ticks, mut pages) = (0, 0);
    for (id, stat) in &processes {
        if descends(*id, pid, &processes) {
            ticks += stat.cpu_ticks;
            pages += stat.resident_pages;
        }
    }
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Ok(Usage {
        cpu: Duration::from_secs_f64(ticks as f64 / per_second as f64),
        resident: pages * rustix::param::page_size() as u64,
    })
}

fn descends(mut id: u32, ancestor: u32, processes: &BTreeMap<u32, Stat>) -> bool {
    // Parents lead to process 1 or 0; the bound guards against a tree that changed while it was read.
    for _ in 0..64 {
        if id == ancestor {
            return true;
        }
        match processes.get(&id) {
            Some(stat) => id = stat.parent,
            None => return false,
        }
    }
    false
}

impl Stat {
    /// The second field is the name in parentheses and may itself hold spaces and parentheses.
    fn parse(line: &str) -> Option<Stat> {
        let (_, rest) = line.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        // `rest` begins with field 3.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Stat {
            parent: u32::try_from(field(4)?).ok()?,
            cpu_ticks: field(14)? + field(15)?,
            resident_pages: field(24)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_lines() {
        let line = "42 (a) b (c)) S 7 42 42 0 -1 4194304 100 0 0 0 31 11 0 0 20 0 4 0 555 1000000 250 18446744073709551615";
        assert_eq!(Stat::parse(line), Some(Stat { parent: 7, cpu_ticks: 42, resident_pages: 250 }));
        assert_eq!(Stat::parse("42 (x"), None);
    }

    #[test]
    fn this_process_uses_memory_and_its_parent_at_least_as_much() {
        let own = usage(std::process::id()).expect("we run");
        assert!(own.resident > 100_000, "{own:?}");
        let parent = usage(std::os::unix::process::parent_id()).expect("our parent runs");
        assert!(parent.resident >= own.resident / 2, "{parent:?} {own:?}");
        assert!(usage(u32::MAX).is_err());
    }
}
