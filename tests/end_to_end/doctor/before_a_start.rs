//! What is told when no stack runs: what keeps one from starting.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{findings, names};
use crate::support::{Home, told};

#[test]
fn before_a_start_ports_secrets_and_the_disk_are_looked_at() {
    let home = Home::new();
    let dir = home.data_dir().with_file_name("project");
    let secrets = dir.join(".secrets");
    std::fs::create_dir_all(&dir).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::copy(
        root.join("docker-compose.yml"),
        dir.join("docker-compose.yml"),
    )
    .unwrap();
    let look = || findings(&home, &dir, &[]);
    let stopped = look();
    let way_out = "start one with `voteops up`";
    assert!(
        names(&stopped, "stack", "failed", "no stack is running", way_out),
        "{stopped:#?}"
    );
    let none = "docker compose has no secrets";
    assert!(
        names(&stopped, "secrets", "warning", none, "scripts/compose-init"),
        "{stopped:#?}"
    );
    let output = home.voteops(&["doctor"]);
    assert_eq!(output.status.code(), Some(3), "{}", told(&output));

    let made = Command::new(root.join("scripts/compose-init"))
        .arg(&dir)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", told(&made));
    let whole = look();
    assert!(
        names(&whole, "secrets", "ok", "are there", ""),
        "{whole:#?}"
    );
    std::fs::remove_file(secrets.join("worker.toml")).unwrap();
    let found = "worker.toml, which docker compose asks for: No such file";
    let missing = look();
    assert!(
        names(&missing, "secrets", "failed", found, "scripts/compose-init"),
        "{missing:#?}"
    );
    let again = Command::new(root.join("scripts/compose-init"))
        .arg(&dir)
        .output()
        .unwrap();
    assert!(again.status.success(), "{}", told(&again));
    std::fs::remove_file(secrets.join("redis_password")).unwrap();
    std::fs::write(secrets.join("redis_password"), "redis").unwrap();
    let short = look();
    let found = "redis_password has 5 characters, and needs 16";
    assert!(
        names(&short, "secrets", "failed", found, "rm "),
        "{short:#?}"
    );

    // Whoever holds the port already does as well.
    let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 9093));
    let taken = look();
    assert!(
        names(
            &taken,
            "ports",
            "warning",
            "9093 is held by ",
            "--port-base PORT"
        ),
        "{taken:#?}"
    );
    let published = "port 9093, at which docker compose publishes alertmanager";
    let setting = "echo VOTEOPS_ALERTMANAGER_PORT=PORT >>.env";
    assert!(
        names(&taken, "ports", "warning", published, setting),
        "{taken:#?}"
    );
    drop(held);
}

/// A file system of its own that is small.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` for those who may not mount one.
    fn mount(dir: PathBuf) -> Option<Self> {
        std::fs::create_dir_all(&dir).unwrap();
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"])
            .arg(&dir);
        let mounted = mount
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|it| it.success());
        mounted.then_some(Self(dir))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(&self.0).status();
        let is_done = unmounted.is_ok_and(|status| status.success());
        assert!(is_done || std::thread::panicking());
    }
}

#[test]
fn a_disk_that_is_full_is_told() {
    let home = Home::new();
    let dir = home.data_dir();
    let Some(disk) = SmallDisk::mount(dir.clone()) else {
        eprintln!("SKIPPED: nothing may be mounted here");
        return;
    };
    // It takes what it can.
    let _ = std::fs::write(dir.join("large"), vec![1; 4 << 20]);
    let args = ["--data-dir", dir.to_str().unwrap()];
    let told = findings(&home, Path::new("/"), &args);
    let found = format!("0B free (100.0% used) where {}", dir.display());
    assert!(
        names(&told, "disk", "failed", &found, "make room"),
        "{told:#?}"
    );
    drop(disk);
}
