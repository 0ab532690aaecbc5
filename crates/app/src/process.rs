//! What the operating system tells of this process and of the disk of the embedded store.

use std::path::Path;

/// Memory of this process, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Resident, shared pages counted whole.
    pub resident: u64,
    /// Resident, shared pages counted by their share; none where the system does not tell.
    pub proportional: Option<u64>,
}

impl Memory {
    /// What this process costs, as near as the system tells.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.proportional.unwrap_or(self.resident)
    }
}

/// A file system, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// What is free for this process.
    pub free: u64,
    /// Its size.
    pub total: u64,
}

impl Disk {
    /// The free part of a hundred.
    #[must_use]
    pub const fn free_percent(&self) -> u64 {
        match self.total {
            0 => 100,
            total => self.free.saturating_mul(100) / total,
        }
    }
}

/// The memory of this process; none where the system does not tell (proc(5)).
pub(crate) fn memory() -> Option<Memory> {
    let field = |file: &str, name: &str| {
        let text = std::fs::read_to_string(file).ok()?;
        kib(&text, name)
    };
    Some(Memory {
        resident: field("/proc/self/status", "VmRSS:")?,
        proportional: field("/proc/self/smaps_rollup", "Pss:"),
    })
}

/// The file system that a folder is on.
pub(crate) fn disk(folder: &Path) -> Option<Disk> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(Disk {
        free: found.f_bavail.saturating_mul(found.f_frsize),
        total: found.f_blocks.saturating_mul(found.f_frsize),
    })
}

fn kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib.saturating_mul(1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_proc() {
        let text = "Rss:    1 kB\nPss:               12345 kB\nPss_Dirty: 7 kB\n";
        assert_eq!(kib(text, "Pss:"), Some(12345 * 1024));
        assert_eq!(kib(text, "Swap:"), None);
        assert_eq!(Disk { free: 5, total: 50 }.free_percent(), 10);
        assert_eq!(Disk { free: 0, total: 0 }.free_percent(), 100);
    }

    #[test]
    fn a_disk_has_a_size() {
        let disk = disk(Path::new("/"));
        assert!(disk.is_some_and(|disk| disk.total >= disk.free && disk.total > 0));
    }
}
