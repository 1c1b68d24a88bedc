//! The versions of the API that were agreed upon: an engine is asked for its own once, and not at every touch,
//! since Podman takes up to a second to tell.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bollard::ClientVersion;

use super::Address;

static AGREED: Mutex<BTreeMap<String, ClientVersion>> = Mutex::new(BTreeMap::new());

/// What was agreed upon with the engine, if anything was.
pub(super) fn agreed(address: &Address) -> Option<ClientVersion> {
    lock().get(&address.to_string()).copied()
}

pub(super) fn remember(address: &Address, version: ClientVersion) {
    lock().insert(address.to_string(), version);
}

/// Has the engine be asked again, since another may listen there by now.
pub(super) fn forget(address: &Address) {
    lock().remove(&address.to_string());
}

fn lock() -> MutexGuard<'static, BTreeMap<String, ClientVersion>> {
    AGREED.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_remembered_until_it_is_forgotten() {
        let address = Address::from("unix:///nowhere/version.sock");
        assert!(agreed(&address).is_none());
        let version = ClientVersion {
            major_version: 1,
            minor_version: 40,
        };
        remember(&address, version);
        assert_eq!(agreed(&address).map(|it| it.minor_version), Some(40));
        forget(&address);
        assert!(agreed(&address).is_none());
    }
}
