//! Where Redis is, and what it takes to be let in, as settings give it.

use std::path::PathBuf;

use crate::connect::Connector;
use crate::tls::Files;
use crate::url::Target;

/// Where Redis is, and what it takes to be let in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// One of
    /// - `redis://[USER:PASSWORD@]HOST[:PORT][/DB]`, a server,
    /// - `redis+sentinel://[USER:PASSWORD@]HOST[:PORT],…/MASTER[/DB]`, the primary that Sentinels name,
    /// - `redis+cluster://[USER:PASSWORD@]HOST[:PORT],…`, the node of a cluster that has the queue,
    ///
    /// with `rediss` in place of `redis` for TLS. User and password are those of Redis itself; Sentinels
    /// that want others are given them as `?sentinel_user=…&sentinel_password=…`.
    pub url: String,
    /// The authorities that may have signed Redis's certificate, in PEM; without it those that browsers
    /// trust.
    pub ca: Option<PathBuf>,
    /// The certificate to show to Redis, with those between it and its authority, in PEM.
    pub certificate: Option<PathBuf>,
    /// The key of the certificate, in PEM.
    pub key: Option<PathBuf>,
    /// How many replicas must have a vote before it counts as taken.
    pub replicas: usize,
}

/// A part of an [`Access`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessPart {
    /// [`Access::url`].
    Url,
    /// [`Access::ca`].
    Ca,
    /// [`Access::certificate`].
    Certificate,
    /// [`Access::key`].
    Key,
}

/// A part of an access that is not usable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct AccessError {
    /// Which part.
    pub part: AccessPart,
    /// What is wrong with it, and what would be right.
    pub reason: String,
}

impl Access {
    /// Whether another server may take the place of the one that has the queue.
    #[must_use]
    pub fn fails_over(&self) -> bool {
        let scheme = self.url.split(':').next().unwrap_or_default();
        scheme.ends_with("+sentinel") || scheme.ends_with("+cluster")
    }

    /// A server that is reached by its URL alone.
    #[must_use]
    pub fn of(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            ..Self::default()
        }
    }

    pub(crate) fn connector(&self) -> Result<Connector, AccessError> {
        let target = Target::parse(&self.url).map_err(|reason| AccessError {
            part: AccessPart::Url,
            reason,
        })?;
        let files = Files::read(self)?;
        if let Some((part, _)) = self.files().next()
            && !target.is_tls
        {
            let reason =
                "it is of use with TLS only; give a URL that begins with rediss".to_owned();
            return Err(AccessError { part, reason });
        }
        Ok(Connector::new(target, files))
    }

    /// The files that are given.
    fn files(&self) -> impl Iterator<Item = (AccessPart, &PathBuf)> {
        let all = [
            (AccessPart::Ca, &self.ca),
            (AccessPart::Certificate, &self.certificate),
            (AccessPart::Key, &self.key),
        ];
        all.into_iter()
            .filter_map(|(part, file)| Some((part, file.as_ref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_server_by_itself_has_no_successor() {
        for (url, fails_over) in [
            ("redis://localhost", false),
            ("rediss://user:redis+sentinel@localhost", false),
            ("redis+sentinel://a,b/votes", true),
            ("rediss+cluster://a:1,b:2", true),
            ("", false),
        ] {
            assert_eq!(Access::of(url).fails_over(), fails_over, "{url}");
        }
    }
}
