//! How full Redis is.

use redis::pipe;

use crate::{Error, Queue, STREAM};

/// How full Redis is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fill {
    /// Votes that wait.
    pub length: u64,
    /// What counts against the limit, in bytes.
    pub used_bytes: u64,
    /// `maxmemory`, at which Redis refuses votes; `None` when it has no limit.
    pub limit_bytes: Option<u64>,
}

impl Queue {
    /// Asks how full Redis is.
    ///
    /// # Errors
    /// [`Error`] when Redis does not say.
    pub async fn fill(&self) -> Result<Fill, Error> {
        let mut both = pipe();
        both.cmd("XLEN").arg(STREAM);
        both.cmd("INFO").arg("memory");
        let (length, info): (u64, String) = self.link.pipeline(&both).await?;
        // Buffers of replicas and of the append-only file are not counted against the limit.
        let uncounted = field(&info, "mem_not_counted_for_evict").unwrap_or(0);
        let used = field(&info, "used_memory")
            .ok_or_else(|| Error::Other("INFO does not tell used_memory".to_owned()))?;
        Ok(Fill {
            length,
            used_bytes: used.saturating_sub(uncounted),
            limit_bytes: field(&info, "maxmemory").filter(|limit| *limit > 0),
        })
    }
}

fn field(info: &str, name: &str) -> Option<u64> {
    let mut lines = info.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(field, _)| *field == name)?;
    value.trim().parse().ok()
}
