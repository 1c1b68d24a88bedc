//! How many connections the limit of open files leaves room for.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that are left to all but a listener's connections: those to Redis and the ledger, its file, the
/// connections of another listener, and those that are told that there are too many.
const RESERVED: u64 = 384;

/// Raises this process's soft limit of open files to the hard one, and tells how many of `wanted` connections
/// it leaves room for. Beyond the limit nothing could be accepted, and so nobody be told why, and a lost
/// connection to Redis not be opened again.
pub(crate) fn connections(wanted: usize) -> usize {
    let Some(limit) = raised() else {
        return wanted;
    };
    let most = within(limit, wanted);
    if most < wanted {
        tracing::warn!(
            wanted,
            taken = most,
            open_files = limit,
            "the limit of open files leaves room for fewer connections than are to be taken; raise it (ulimit -n, \
             LimitNOFILE= of systemd, ulimits of Compose), or have a vote app take fewer (--max-connections)"
        );
    }
    most
}

/// The limit of open files, as high as it can be; `None` when there is none.
fn raised() -> Option<u64> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let highest = Rlimit {
        current: maximum,
        maximum,
    };
    // Refused where a sandbox allows nobody to raise anything.
    let _ = setrlimit(Resource::Nofile, highest);
    getrlimit(Resource::Nofile).current
}

/// A low limit is shared by halves.
fn within(limit: u64, wanted: usize) -> usize {
    let room = limit - RESERVED.min(limit / 2);
    usize::try_from(room).map_or(wanted, |room| room.min(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_all_else() {
        for (limit, wanted, most) in [
            (1_048_576, 4096, 4096),
            (4480, 4096, 4096),
            (4479, 4096, 4095),
            (1024, 4096, 640),
            (1024, 20, 20),
            (64, 4096, 32),
            (0, 4096, 0),
        ] {
            assert_eq!(within(limit, wanted), most, "{limit} {wanted}");
        }
    }

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let hard = getrlimit(Resource::Nofile).maximum;
        assert_eq!(raised(), hard);
        assert_eq!(getrlimit(Resource::Nofile).current, hard);
    }
}
