//! Whether the secrets are there that `docker-compose.yml` asks for: not short, and the same in all files
//! that hold them.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use voteops_observability::doctor::{Check, Finding};

use super::compose::Compose;

/// What makes them.
const INIT: &str = "`scripts/compose-init` makes what is missing and keeps the rest";
/// Characters of a password, at the least.
const LEAST_CHARS: usize = 16;
/// Files that hold a password, and whose.
const HOLDERS: [(&str, &str); 6] = [
    ("redis.conf", "redis_password"),
    ("redis_exporter.json", "redis_password"),
    ("vote-app.toml", "redis_password"),
    ("worker.toml", "redis_password"),
    ("vote-app.toml", "postgres_password"),
    ("worker.toml", "postgres_password"),
];

pub(super) fn check(compose: &Compose) -> Vec<Finding> {
    let Some(dir) = compose.secrets_dir.as_deref().filter(|dir| dir.is_dir()) else {
        let found = "docker compose has no secrets, and starts nothing without them";
        let way_out = "`scripts/compose-init` makes them, if containers are meant to run here";
        return vec![Finding::warning(Check::Secrets, found, way_out)];
    };
    let mut findings: Vec<_> = compose
        .secrets
        .iter()
        .filter_map(|name| unfit(dir, name))
        .collect();
    if findings.is_empty() {
        findings.extend(HOLDERS.iter().find_map(|(file, of)| differs(dir, file, of)));
    }
    findings.extend(open(dir));
    if findings.is_empty() {
        let found = format!(
            "all {} of docker compose are there, none is short",
            compose.secrets.len()
        );
        findings.push(Finding::ok(Check::Secrets, found));
    }
    findings
}

/// A secret that is not there, or too short. The secret itself is never told.
fn unfit(dir: &Path, name: &str) -> Option<Finding> {
    let path = dir.join(name);
    let told = path.display();
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            let found = format!("{told}, which docker compose asks for: {error}");
            return Some(Finding::failed(Check::Secrets, found, INIT));
        }
    };
    let chars = text.trim().chars().count();
    let least = if name.ends_with("_password") {
        LEAST_CHARS
    } else {
        1
    };
    (chars < least).then(|| {
        Finding::failed(
            Check::Secrets,
            format!("{told} has {chars} characters, and needs {least}"),
            format!(
                "`rm {told}`, then {INIT}; databases that remember the old one have to be told"
            ),
        )
    })
}

/// A file that holds another password than the one that counts.
fn differs(dir: &Path, file: &str, of: &str) -> Option<Finding> {
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).ok();
    let (text, password) = (read(file)?, read(of)?);
    (!text.contains(password.trim())).then(|| {
        Finding::failed(
            Check::Secrets,
            format!(
                "{} holds another password than {of}",
                dir.join(file).display()
            ),
            "`scripts/compose-init` writes it anew, then `docker compose up -d --force-recreate`",
        )
    })
}

/// A directory that others can enter.
fn open(dir: &Path) -> Option<Finding> {
    let mode = std::fs::metadata(dir).ok()?.permissions().mode() & 0o777;
    let told = dir.display();
    (mode & 0o077 != 0).then(|| {
        Finding::warning(
            Check::Secrets,
            format!("others can enter {told} (mode {mode:03o})"),
            format!("`chmod 700 {told}`"),
        )
    })
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions, write};

    use voteops_observability::doctor::Verdict;

    use super::*;

    /// Secrets as `scripts/compose-init` makes them.
    fn made() -> (tempfile::TempDir, Compose) {
        let temp = tempfile::tempdir().unwrap();
        let names = [
            "redis_password",
            "postgres_password",
            "redis.conf",
            "vote-app.toml",
        ];
        for name in names {
            write(temp.path().join(name), "0123456789abcdef").unwrap();
        }
        set_permissions(temp.path(), Permissions::from_mode(0o700)).unwrap();
        let compose = Compose {
            secrets_dir: Some(temp.path().into()),
            secrets: names.map(str::to_owned).into(),
            published: Vec::new(),
        };
        (temp, compose)
    }

    #[test]
    fn secrets_that_are_there_are_well() {
        let (_temp, compose) = made();
        assert_eq!(check(&compose)[0].verdict, Verdict::Ok);
    }

    #[test]
    fn a_secret_that_is_missing_short_or_another_is_named_and_never_told() {
        type Harm = fn(&Path);
        let harms: [(Harm, &str); 4] = [
            (
                |dir| std::fs::remove_file(dir.join("redis.conf")).unwrap(),
                "redis.conf, which docker compose asks for: No such file",
            ),
            (
                |dir| write(dir.join("postgres_password"), "hunter2").unwrap(),
                "postgres_password has 7 characters, and needs 16",
            ),
            (
                |dir| write(dir.join("vote-app.toml"), "redis_url = 'hunter2'").unwrap(),
                "vote-app.toml holds another password than redis_password",
            ),
            (
                |dir| set_permissions(dir, Permissions::from_mode(0o755)).unwrap(),
                "(mode 755)",
            ),
        ];
        for (harm, told) in harms {
            let (temp, compose) = made();
            harm(temp.path());
            let findings = check(&compose);
            assert_eq!(findings.len(), 1, "{findings:?}");
            assert!(findings[0].found.contains(told), "{findings:?}");
            assert!(!findings[0].found.contains("hunter2"), "{findings:?}");
        }
    }

    #[test]
    fn no_secrets_at_all_are_no_failure_where_nothing_may_be_meant_to_run() {
        let (_temp, compose) = made();
        let none = Compose {
            secrets_dir: None,
            ..compose
        };
        let findings = check(&none);
        assert_eq!(findings[0].verdict, Verdict::Warning);
        assert!(
            findings[0]
                .way_out
                .as_ref()
                .unwrap()
                .contains("compose-init")
        );
    }
}
