//! Whether there is room where the stack writes.

use std::path::{Path, PathBuf};

use rustix::fs::{StatVfsMountFlags, statvfs};
use voteops_local::StackFile;
use voteops_observability::doctor::{Check, Finding};
use voteops_observability::units::Unit;

/// Where Docker keeps volumes unless it is told otherwise.
pub(super) const DOCKER: &str = "/var/lib/docker";
/// Below this nothing can be relied on: Prometheus writes its log of samples in files of 128 MiB.
const LEAST_BYTES: f64 = 256.0 * 1_048_576.0;
/// Below this it is time to make room.
const FEW_BYTES: f64 = 1_073_741_824.0;
/// Above this share a Loki refuses lines (`ingester.wal.disk_full_threshold`).
const FULL: f64 = 0.9;
/// Files that can still be made, at the least.
const LEAST_FILES: u64 = 1000;

/// The room of a file system.
#[derive(Debug, Clone, Copy)]
struct Room {
    free_bytes: f64,
    all_bytes: f64,
    /// Files that can still be made; `None` where there is no limit.
    free_files: Option<u64>,
    read_only: bool,
}

/// The directories that a stack writes to.
pub(super) fn dirs(stack: &StackFile) -> Vec<PathBuf> {
    let ledger = stack.ledger_url.strip_prefix("sqlite://").map(Path::new);
    let ledger = ledger.and_then(Path::parent);
    let ledger = ledger.filter(|dir| !dir.starts_with(&stack.data_dir));
    let ledger = ledger.map(Path::to_owned);
    [stack.data_dir.clone()].into_iter().chain(ledger).collect()
}

/// Looks at the room where `dirs` are; `loki` says whether a Loki writes there.
pub(super) fn check(dirs: &[PathBuf], loki: bool) -> Vec<Finding> {
    dirs.iter()
        .map(|dir| {
            // One that is not there yet will be made where its nearest parent is.
            let there = dir.ancestors().find(|dir| dir.exists()).unwrap_or(dir);
            match room(there) {
                Ok(room) => judge(dir, room, loki),
                Err(reason) => {
                    Finding::unknown(Check::Disk, format!("{}: {reason}", dir.display()))
                }
            }
        })
        .collect()
}

fn room(dir: &Path) -> Result<Room, String> {
    let told = statvfs(dir).map_err(|error| error.to_string())?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "a part of a thousandth is enough"
    )]
    let bytes = |blocks: u64| blocks as f64 * told.f_frsize as f64;
    Ok(Room {
        free_bytes: bytes(told.f_bavail),
        all_bytes: bytes(told.f_blocks),
        // File systems without a table of files tell none.
        free_files: (told.f_files > 0).then_some(told.f_favail),
        read_only: told.f_flag.contains(StatVfsMountFlags::RDONLY),
    })
}

fn judge(dir: &Path, room: Room, loki: bool) -> Finding {
    let name = dir.display();
    let used = 1.0 - room.free_bytes / room.all_bytes.max(1.0);
    let (free, used_told) = (
        Unit::Bytes.format(room.free_bytes),
        Unit::Ratio.format(used),
    );
    let left = format!("{free} free ({used_told} used) where {name} is");
    let way_out =
        format!("make room: `du -xh --max-depth 2 {name} | sort -h | tail` tells what is large");
    if room.read_only {
        return Finding::failed(
            Check::Disk,
            format!("nothing can be written where {name} is: it is mounted read-only"),
            "`dmesg | tail` tells why; `mount -o remount,rw` once the disk is sound",
        );
    }
    if let Some(files) = room.free_files.filter(|files| *files < LEAST_FILES) {
        return Finding::failed(
            Check::Disk,
            format!("{files} files can still be made where {name} is"),
            format!("remove some: `du --inodes -x --max-depth 2 {name} | sort -n | tail`"),
        );
    }
    if room.free_bytes < LEAST_BYTES {
        Finding::failed(Check::Disk, left, way_out)
    } else if room.free_bytes < FEW_BYTES || (loki && used > FULL) {
        Finding::warning(Check::Disk, left, way_out)
    } else {
        Finding::ok(Check::Disk, left)
    }
}

#[cfg(test)]
mod tests {
    use voteops_observability::doctor::Verdict;

    use super::*;

    const GIB: f64 = 1_073_741_824.0;

    fn room(free_gib: f64) -> Room {
        Room {
            free_bytes: free_gib * GIB,
            all_bytes: 100.0 * GIB,
            free_files: Some(1_000_000),
            read_only: false,
        }
    }

    #[test]
    fn room_is_judged_by_what_is_left() {
        for (room, verdict) in [
            (room(50.0), Verdict::Ok),
            (room(9.0), Verdict::Warning),
            (room(0.1), Verdict::Failed),
            (
                Room {
                    free_files: Some(3),
                    ..room(50.0)
                },
                Verdict::Failed,
            ),
            (
                Room {
                    free_files: None,
                    ..room(50.0)
                },
                Verdict::Ok,
            ),
            (
                Room {
                    read_only: true,
                    ..room(50.0)
                },
                Verdict::Failed,
            ),
            (
                Room {
                    all_bytes: 0.9 * GIB,
                    ..room(0.8)
                },
                Verdict::Warning,
            ),
        ] {
            assert_eq!(
                judge(Path::new("/data"), room, true).verdict,
                verdict,
                "{room:?}"
            );
        }
    }

    #[test]
    fn a_share_that_only_loki_minds_is_told_where_there_is_one() {
        let judge = |loki| judge(Path::new("/data"), room(9.0), loki).verdict;
        assert_eq!((judge(true), judge(false)), (Verdict::Warning, Verdict::Ok));
    }

    #[test]
    fn a_directory_that_is_not_there_yet_has_the_room_of_its_parent() {
        let temp = tempfile::tempdir().unwrap();
        let findings = check(&[temp.path().join("not/yet")], false);
        assert!(findings[0].found.contains("not/yet"), "{findings:?}");
        assert_ne!(findings[0].verdict, Verdict::Unknown);
    }
}
