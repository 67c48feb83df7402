//! The process in numbers, from /proc; nothing where there is none.

use std::fs;

/// What the kernel says of this process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Process {
    pub(crate) resident_bytes: u64,
    pub(crate) threads: u64,
    pub(crate) fds: u64,
    pub(crate) fds_max: u64,
    pub(crate) cpu_seconds: f64,
}

/// Ticks of utime and stime a second: USER_HZ, 100 on every Linux.
const TICKS: f64 = 100.0;

impl Process {
    pub(crate) fn read() -> Process {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let fds = fs::read_dir("/proc/self/fd").map(|dir| dir.count() as u64).unwrap_or(0);
        Process {
            resident_bytes: number_after(&status, "VmRSS:") * 1024,
            threads: number_after(&status, "Threads:"),
            fds,
            fds_max: number_after(&limits, "Max open files"),
            cpu_seconds: cpu_ticks(&stat) as f64 / TICKS,
        }
    }
}

fn number_after(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Fields 14 and 15 of /proc/PID/stat; the name before them may hold spaces and ends with the last `)`.
fn cpu_ticks(stat: &str) -> u64 {
    let Some((_, rest)) = stat.rsplit_once(')') else { return 0 };
    rest.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_files_are_understood() {
        assert_eq!(number_after("Name:\tx\nVmRSS:\t    1234 kB\n", "VmRSS:"), 1234);
        assert_eq!(
            number_after("Max open files            1024                 4096  files", "Max open files"),
            1024
        );
        assert_eq!(cpu_ticks("7 (a) b) S 1 2 3 4 5 6 7 8 9 10 30 12 0 0"), 42);
        assert_eq!((number_after("", "VmRSS:"), cpu_ticks("")), (0, 0));
    }
}
