//! An engine that touches nothing of the machine's own: its files are in a directory of the test's, and
//! it makes no network.

use std::fs::File;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use voteops_chaos::engine::{Address, Selection, containers};
use voteops_chaos::record::Target;

/// Long enough for a machine that is busy with other tests.
pub(crate) const PATIENCE: Duration = Duration::from_mins(3);

/// The image that containers are of, and what they do.
const IMAGE: &str = "localhost/sleeper";

/// Whose engine it is. Both are asked by Docker's own program, too.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Maker {
    Docker,
    Podman,
}

/// An engine that ends, with all that it runs, with the test.
pub(crate) struct Daemon {
    maker: Maker,
    more: Vec<String>,
    dir: tempfile::TempDir,
    process: Option<Child>,
}

impl Daemon {
    pub(crate) fn start(maker: Maker) -> Self {
        Self::start_with(maker, &[])
    }

    /// Starts it with more arguments than the usual ones.
    pub(crate) fn start_with(maker: Maker, more: &[String]) -> Self {
        let mut daemon = Self {
            maker,
            more: more.to_vec(),
            dir: tempfile::tempdir().unwrap(),
            process: None,
        };
        daemon.run();
        daemon.import();
        daemon
    }

    pub(crate) fn address(&self) -> String {
        format!("unix://{}", self.dir.path().join("engine.sock").display())
    }

    /// Where faults are put on record.
    pub(crate) fn state_dir(&self) -> std::path::PathBuf {
        self.dir.path().join("state")
    }

    /// Starts the daemon, again if it has died.
    pub(crate) fn run(&mut self) {
        let dir = self.dir.path();
        let _ = std::fs::remove_file(dir.join("engine.sock"));
        let log = File::options()
            .create(true)
            .append(true)
            .open(dir.join("log"))
            .unwrap();
        let mut command = match self.maker {
            Maker::Docker => self.dockerd(),
            Maker::Podman => self.podman(),
        };
        let process = command
            .args(&self.more)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("the engine is installed");
        self.process = Some(process);
        let deadline = Instant::now() + PATIENCE;
        while !self.docker(&["version"]).status.success() {
            let log = std::fs::read_to_string(dir.join("log")).unwrap_or_default();
            assert!(
                Instant::now() < deadline,
                "the engine does not serve: {log}"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn dockerd(&self) -> Command {
        let dir = self.dir.path();
        // One that was killed leaves it behind, and the next one would wait for its process.
        let _ = std::fs::remove_file(dir.join("exec/containerd/containerd.pid"));
        let mut dockerd = Command::new("dockerd");
        dockerd
            .arg("--data-root")
            .arg(dir.join("data"))
            .arg("--exec-root")
            .arg(dir.join("exec"))
            .arg("--pidfile")
            .arg(dir.join("dockerd.pid"))
            .arg("--host")
            .arg(self.address())
            .args(["--bridge", "none", "--iptables=false"])
            .args(["--storage-driver", "vfs", "--live-restore"]);
        dockerd
    }

    fn podman(&self) -> Command {
        let dir = self.dir.path();
        let engine = dir.join("containers.conf");
        std::fs::write(
            &engine,
            format!(
                // Docker's runtime, since crun refuses where both versions of control groups are mounted.
                "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n\
                 [engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n\
                 runtime = \"runc\"\ntmp_dir = \"{}\"\n",
                dir.join("tmp").display()
            ),
        )
        .unwrap();
        let storage = dir.join("storage.conf");
        std::fs::write(
            &storage,
            format!(
                "[storage]\ndriver = \"vfs\"\ngraphroot = \"{}\"\nrunroot = \"{}\"\n",
                dir.join("data").display(),
                dir.join("run").display()
            ),
        )
        .unwrap();
        let mut podman = Command::new("podman");
        podman
            .env("CONTAINERS_CONF", engine)
            .env("CONTAINERS_STORAGE_CONF", storage)
            .args(["system", "service", "--time", "0"])
            .arg(self.address());
        podman
    }

    /// Kills the daemon. What it runs goes on.
    pub(crate) fn crash(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// An image with a shell and `sleep`.
    fn import(&self) {
        let root = self.dir.path().join("root");
        std::fs::create_dir_all(root.join("bin")).unwrap();
        std::fs::copy("/bin/busybox", root.join("bin/busybox")).unwrap();
        for name in ["sh", "sleep"] {
            std::os::unix::fs::symlink("busybox", root.join("bin").join(name)).unwrap();
        }
        let archive = self.dir.path().join("root.tar");
        run(Command::new("tar")
            .arg("-C")
            .arg(&root)
            .arg("-cf")
            .arg(&archive)
            .arg("."));
        self.done(&["import", archive.to_str().unwrap(), IMAGE]);
    }

    pub(crate) fn docker(&self, args: &[&str]) -> Output {
        let mut docker = Command::new("docker");
        docker.arg("--host").arg(self.address()).args(args);
        docker.output().expect("docker is installed")
    }

    /// What `docker` says, which has to succeed.
    pub(crate) fn done(&self, args: &[&str]) -> String {
        let output = self.docker(args);
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Runs a container as Compose would: of a service of the project `shop`.
    pub(crate) fn container(&self, name: &str, more: &[&str]) {
        let usual = [
            "run",
            "--detach",
            "--network",
            "none",
            "--name",
            name,
            "--label",
            "com.docker.compose.project=shop",
            "--label",
            "com.docker.compose.service=worker",
        ];
        self.done(&[&usual[..], more, &[IMAGE, "sleep", "600"]].concat());
    }

    /// The containers of the service, as targets.
    pub(crate) fn workers(&self) -> Vec<Target> {
        let selection = Selection {
            service: Some("worker".to_owned()),
            ..Selection::default()
        };
        containers(&Address::from(self.address().as_str()), &selection).unwrap()
    }

    /// What a container is doing, as Docker says: `running`, `paused`, `exited`.
    pub(crate) fn state(&self, name: &str) -> String {
        self.done(&["inspect", "--format", "{{.State.Status}}", name])
    }

    pub(crate) fn is(&self, name: &str, state: &str) -> bool {
        self.state(name) == state
    }

    /// Whether both of the workers that most tests have are doing so.
    pub(crate) fn all_workers_are(&self, state: &str) -> bool {
        let workers = ["shop-worker-1", "shop-worker-2"];
        workers.iter().all(|name| self.is(name, state))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // A test that fails has no more to ask, and a panic here would keep the others from running.
        let is_gone = !self.docker(&["version"]).status.success();
        if is_gone && !std::thread::panicking() {
            self.run();
        }
        let all = self.docker(&["ps", "--all", "--quiet"]).stdout;
        let all = String::from_utf8_lossy(&all);
        let all: Vec<_> = all.lines().collect();
        if !all.is_empty() {
            let _ = self.docker(&[&["rm", "--force"], &all[..]].concat());
        }
        if let Some(mut process) = self.process.take() {
            end(&mut process);
        }
        // One that was started again takes the mount that the one before left for none of its own.
        let mut umount = Command::new("umount");
        let umount = umount.args(["--quiet", "--recursive", "--lazy"]);
        let umount = umount.arg(self.dir.path().join("data"));
        let _ = umount.stderr(Stdio::null()).status();
    }
}

/// Asks a process to end, and kills it when it does not.
fn end(process: &mut Child) {
    let pid = rustix::process::Pid::from_child(process);
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    let deadline = Instant::now() + PATIENCE;
    while matches!(process.try_wait(), Ok(None)) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = process.kill();
    let _ = process.wait();
}

fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}");
}

/// Looks until `done`, and fails the test when that takes too long.
pub(crate) fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
