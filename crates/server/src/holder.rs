//! Who has a port: asked of /proc, so it knows only processes this user may look into.

use std::fmt;
use std::fs;
use std::path::Path;

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    pid: u32,
    name: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (pid {})", self.name, self.pid)
    }
}

/// The process that listens on this port, if it can be found out.
pub(crate) fn of_port(port: u16) -> Option<Holder> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
    let inodes: Vec<String> = tables.iter().flat_map(|table| listening(table, port)).collect();
    if inodes.is_empty() {
        return None;
    }
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if holds(&entry.path().join("fd"), &inodes) {
            let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            let name: String = name.trim().chars().filter(|c| !c.is_control()).collect();
            return Some(Holder { pid, name });
        }
    }
    None
}

fn holds(fds: &Path, inodes: &[String]) -> bool {
    let Ok(entries) = fs::read_dir(fds) else { return false };
    entries.flatten().any(|fd| {
        let link = fs::read_link(fd.path()).unwrap_or_default();
        let link = link.to_string_lossy();
        let inode = link.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
        inode.is_some_and(|inode| inodes.iter().any(|i| i == inode))
    })
}

/// Inodes of listening sockets (state 0A) on a port, in a table of proc(5).
fn listening(table: &str, port: u16) -> Vec<String> {
    let suffix = format!(":{port:04X}");
    let rows = table.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let matches = fields.get(1)?.ends_with(&suffix) && *fields.get(3)? == "0A";
        matches.then(|| fields.get(9).map(|inode| (*inode).to_owned()))?
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_found() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
        let port = socket.local_addr().expect("address").port();
        let holder = of_port(port).expect("found");
        assert_eq!(holder.pid, std::process::id());
        assert!(!holder.name.is_empty());
        drop(socket);
        assert_eq!(of_port(port), None);
    }

    #[test]
    fn only_listening_sockets_count() {
        let table = "  sl  local_address rem_address   st\n   \
            0: 0100007F:1628 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000 0 4711 1\n   \
            1: 0100007F:1628 0100007F:9999 01 00000000:00000000 00:00000000 00000000  1000 0 4712 1\n";
        assert_eq!(listening(table, 5672), ["4711"]);
        assert_eq!(listening(table, 5673), Vec::<String>::new());
    }
}
