//! Dead letters.

use redis::{Cmd, cmd, pipe};

use crate::{DEAD_STREAM, DeadReason, Entry, Error, GROUP, Queue, STREAM};

/// What was taken over from a worker that goes on after all is buried by whoever comes first: the
/// other finds it no longer pending. Adding comes before the rest, because it is what a full Redis
/// refuses: then nothing was done.
const BURY: &str = "
    if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[2], ARGV[2], 1) == 0 then return 0 end
    redis.call('XADD', KEYS[2], '*', 'reason', ARGV[3], 'entry', ARGV[2], unpack(ARGV, 4))
    redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
    redis.call('XDEL', KEYS[1], ARGV[2])
    return 1";

/// The most fields whose names and values a script can pass on (`LUAI_MAXCSTACK` is 8000).
const MAX_SCRIPT_FIELDS: usize = 3000;

impl Queue {
    /// Moves a pending entry to [`DEAD_STREAM`] in one transaction. The dead entry has the fields
    /// `reason` and `entry` (its id in [`STREAM`]), then the original ones. False when the entry is
    /// not pending, since another worker has buried it; an entry with more than 3000 fields may then
    /// be there twice.
    ///
    /// # Errors
    /// [`Error`] when Redis did not confirm; the entry then stays pending. [`Error::Elsewhere`] as
    /// [`acknowledge`](Self::acknowledge) has it.
    pub async fn bury(&self, entry: &Entry, reason: DeadReason) -> Result<bool, Error> {
        if entry.fields.len() > MAX_SCRIPT_FIELDS {
            return self.bury_unasked(entry, reason).await.map(|()| true);
        }
        let mut bury = cmd("EVAL");
        bury.arg(BURY).arg(2).arg(STREAM).arg(DEAD_STREAM);
        bury.arg(GROUP).arg(&entry.id).arg(reason.slug());
        add_fields(&mut bury, entry);
        self.link.command_to(entry.server, &bury).await
    }

    async fn bury_unasked(&self, entry: &Entry, reason: DeadReason) -> Result<(), Error> {
        let mut add = cmd("XADD");
        add.arg(DEAD_STREAM)
            .arg("*")
            .arg("reason")
            .arg(reason.slug());
        add.arg("entry").arg(&entry.id);
        add_fields(&mut add, entry);
        let mut all = pipe();
        all.atomic().add_command(add).ignore();
        all.cmd("XACK")
            .arg(STREAM)
            .arg(GROUP)
            .arg(&entry.id)
            .ignore();
        all.cmd("XDEL").arg(STREAM).arg(&entry.id).ignore();
        self.link.pipeline_to(entry.server, &all).await
    }
}

fn add_fields(command: &mut Cmd, entry: &Entry) {
    for (field, value) in &entry.fields {
        command.arg(field).arg(value);
    }
}
