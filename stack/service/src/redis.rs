//! Where Redis is, as services are told.

use std::path::PathBuf;

use voteops_queue::{Access, AccessPart, Queue};

use crate::config::{ConfigError, Given};

/// Puts together the settings `redis-url`, `redis-ca`, `redis-certificate` and `redis-key`, of which the
/// last three may be empty. Reads the files, and does not talk to Redis.
///
/// # Errors
/// [`ConfigError`] names the setting that is not usable.
pub fn access(
    url: &Given,
    ca: &Given,
    certificate: &Given,
    key: &Given,
) -> Result<Access, ConfigError> {
    let access = Access {
        url: url.text().to_owned(),
        ca: file(ca),
        certificate: file(certificate),
        key: file(key),
        replicas: 0,
    };
    match Queue::open(&access) {
        Ok(_) => Ok(access),
        Err(error) => {
            let wrong = match error.part {
                AccessPart::Url => url,
                AccessPart::Ca => ca,
                AccessPart::Certificate => certificate,
                AccessPart::Key => key,
            };
            Err(wrong.error(error.reason))
        }
    }
}

fn file(given: &Given) -> Option<PathBuf> {
    Some(given.text())
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
}
