//! The console in a terminal of its own, against a running stack.

use std::io::{Read, Write};
use std::num::NonZero;
use std::path::Path;
use std::sync::{Arc, Mutex};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, SlavePty, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use voteops_local::component::{Kind, State};

use crate::support::{
    Home, Stack, assert_nothing_runs_of, assert_schema, kill, state, told, wait_until,
};

/// A program in a terminal of its own.
struct Terminal {
    /// The terminal's settings, as stty(1) tells them, before the program was started.
    found: String,
    screen: Arc<Mutex<vt100::Parser>>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    _slave: Box<dyn SlavePty + Send>,
}

impl Terminal {
    /// `voteops-tui` on a stack, 80 columns by 24 lines.
    fn open(stack: &Stack, args: &[&str]) -> Self {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_voteops-tui"));
        command.args(args);
        command.arg("--data-dir");
        command.arg(stack.home.data_dir());
        command.env("XDG_STATE_HOME", stack.home.state_dir());
        command.env("XDG_CONFIG_HOME", stack.home.state_dir());
        Self::start(command, 80, 24)
    }

    fn start(mut command: CommandBuilder, cols: u16, rows: u16) -> Self {
        let size = PtySize {
            rows,
            cols,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pty = native_pty_system().openpty(size).unwrap();
        command.env("TERM", "xterm-256color");
        command.env("RUST_BACKTRACE", "0");
        let found = settings(pty.master.as_ref());
        let child = pty.slave.spawn_command(command).unwrap();
        // The slave stays open: without it the settings could not be asked for at the end.
        let slave = pty.slave;
        let mut output = pty.master.try_clone_reader().unwrap();
        let (rows, cols) = (NonZero::new(rows).unwrap(), NonZero::new(cols).unwrap());
        let screen = Arc::new(Mutex::new(vt100::Parser::new(rows, cols, 0)));
        let parser = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut buffer) {
                parser.lock().unwrap().process(&buffer[..length]);
            }
        });
        let keys = pty.master.take_writer().unwrap();
        Self {
            found,
            screen,
            keys,
            child,
            master: pty.master,
            _slave: slave,
        }
    }

    fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    fn wait_for(&self, words: &str) {
        let shows = || self.text().contains(words);
        let deadline = std::time::Instant::now() + crate::support::PATIENCE;
        while !shows() {
            assert!(
                std::time::Instant::now() < deadline,
                "no {words:?} in\n{}\nfrom\n{}",
                self.text(),
                self.threads()
            );
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// What each of its threads does: the name, the state and the times so far, and the system call.
    fn threads(&self) -> String {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid()));
        let tasks = tasks.into_iter().flatten().flatten();
        let told = tasks.map(|task| {
            let read = |name| std::fs::read_to_string(task.path().join(name)).unwrap_or_default();
            format!("{}{}", read("stat"), read("syscall"))
        });
        told.collect()
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.child.process_id().unwrap()).unwrap()
    }

    /// Waits for the end, and that the terminal is as it was found; gives the exit code.
    fn ended(&mut self) -> u32 {
        let status = self.child.wait().unwrap();
        wait_until("the terminal is given back", || {
            let screen = self.screen.lock().unwrap();
            let screen = screen.screen();
            !screen.alternate_screen()
                && !screen.hide_cursor()
                && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
        });
        assert_eq!(settings(self.master.as_ref()), self.found);
        status.exit_code()
    }
}

/// The settings of a terminal, as stty(1) tells them.
fn settings(master: &dyn MasterPty) -> String {
    let name = master.tty_name().unwrap();
    let output = std::process::Command::new("stty")
        .arg("-g")
        .arg("-F")
        .arg(name)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", told(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_console_shows_life_survives_prometheus_and_gives_the_terminal_back() {
    let stack = Home::new().stack(&["--time-scale", "30"]);

    let mut terminal = Terminal::open(&stack, &[]);
    terminal.wait_for("vote-app 2/2");
    terminal.wait_for("Queue length");
    terminal.press("5");
    terminal.wait_for("CriticalVoteQueueBacklog");
    terminal.press("?");
    terminal.wait_for("vote app");
    terminal.press("G");
    terminal.wait_for("speak English or Indonesian");
    terminal.press("\x1b");
    wait_until("the help is closed", || {
        !terminal.text().contains("speak English or Indonesian")
    });
    terminal.press("1");
    terminal.wait_for("vote-app 2/2");

    // Every view shows what it is for.
    for (key, words) in [
        ("2", ["Latency p95", "Traffic"]),
        ("3", ["Memory used", "alert if > 80.0%"]),
        ("4", ["Queue length", "alert if > 1000"]),
        ("6", ["votes are accepted", "following"]),
        ("7", ["No experiment was run", "voteops chaos stall-worker"]),
        ("8", ["Scrape targets", "● up"]),
        (":query up\r", ["7 series", "instance="]),
    ] {
        terminal.press(key);
        for word in words {
            terminal.wait_for(word);
        }
    }
    // A refused query is told in the server's words.
    terminal.press(":query rate(\r");
    terminal.wait_for("unclosed left parenthesis");
    // The line that is typed completes, and says what is wrong with it.
    terminal.press(":nope\r");
    terminal.wait_for("no command");
    // Escape right before a key would read as Alt and that key.
    terminal.press("\x1b");
    wait_until("the command line is closed", || {
        !terminal.text().contains(":nope")
    });
    terminal.press("1");
    terminal.wait_for("vote-app 2/2");

    // One that dies is told as away, started again, and live again by itself. Its first deaths
    // may be over too soon to be seen.
    wait_until("the console has seen it away", || {
        let file = stack.file();
        let alive = file
            .components
            .iter()
            .find(|c| c.name == "prometheus")
            .and_then(|c| c.pid);
        if let Some(pid) = alive {
            // It may have died already.
            let _ = kill_process(
                Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(),
                Signal::KILL,
            );
        }
        terminal.text().contains("prometheus unreachable")
    });
    wait_until("prometheus was started again", || {
        let file = stack.file();
        let mut components = file.components.iter();
        components.any(|c| c.name == "prometheus" && c.state == State::Healthy)
    });
    terminal.wait_for("● prometheus");
    terminal.wait_for("vote-app 2/2");

    // A Prometheus that hangs is told as stale, and as live again when it goes on.
    let prometheus = stack.pid("prometheus");
    kill(prometheus, Signal::STOP);
    terminal.wait_for("stale");
    kill(prometheus, Signal::CONT);
    wait_until("it is live again", || !terminal.text().contains("stale"));
    terminal.wait_for("● prometheus");
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);

    let mut terminal = Terminal::open(&stack, &[]);
    terminal.wait_for("vote-app 2/2");
    terminal.press("\x03");
    assert_eq!(terminal.ended(), 0);

    let mut terminal = Terminal::open(&stack, &[]);
    terminal.wait_for("vote-app 2/2");
    kill(terminal.pid(), Signal::TERM);
    assert_eq!(terminal.ended(), 143);

    let mut terminal = Terminal::open(&stack, &["--panic-after", "1s"]);
    assert_ne!(terminal.ended(), 0);
    terminal.wait_for("panicked");
}

#[test]
fn without_a_terminal_the_console_prints_one_frame_or_exports_all() {
    let stack = Home::new().stack(&["--time-scale", "30"]);
    let output = stack.home.command("voteops-tui").output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("vote-app 2/2") && text.contains("Queue length"),
        "{text}"
    );
    assert!(!text.contains('\x1b'));

    // The same service by a context of its own, with one signal more.
    let prometheus = stack.file().url(Kind::Prometheus).unwrap();
    let config = stack.home.data_dir().with_file_name("config.toml");
    let text = format!(
        "[contexts.shop]\nprometheus = \"{prometheus}\"\nauth.tenant = \"t\"\n[[contexts.shop.signals]]\n\
         id = \"worker.own\"\ncomponent = \"worker\"\ntitle = \"My own\"\nunit = \"count\"\nexpr = \"vector(42)\"\n"
    );
    std::fs::write(&config, text).unwrap();
    let by_context = stack
        .home
        .command("voteops-tui")
        .args(["--context", "shop", "--config", config.to_str().unwrap()])
        .output()
        .unwrap();
    let text = String::from_utf8(by_context.stdout).unwrap();
    assert!(text.contains("voteops · shop"), "{text}");
    let own = text.lines().find(|line| line.contains("My own")).unwrap();
    assert!(own.contains("42"), "{own}");

    let dir = stack.home.data_dir().with_file_name("incident");
    let dir = dir.to_str().unwrap();
    let tui = |args: &[&str]| {
        stack
            .home
            .command("voteops-tui")
            .args(args)
            .output()
            .unwrap()
    };
    let output = tui(&["--export", dir, "--range", "2m"]);
    assert!(output.status.success(), "{}", told(&output));
    let file = |name: &str| std::fs::read(Path::new(dir).join(name)).unwrap();
    let bundle: Value = serde_json::from_slice(&file("bundle.json")).unwrap();
    assert_schema("bundle.schema.json", &bundle);
    assert_eq!(bundle["read"]["answer"].as_array().unwrap().len(), 12);
    let charts: Value = serde_json::from_slice(&file("charts.json")).unwrap();
    let charts = charts.as_array().unwrap();
    assert!(charts.len() > 20, "{}", charts.len());
    assert!(charts.iter().all(|chart| chart["refused"].is_null()));
    assert!(!file("logs.jsonl").is_empty());
    let again = tui(&["--export", dir]);
    assert_eq!(again.status.code(), Some(2), "{}", told(&again));

    let replayed = tui(&["--replay", dir]);
    let text = String::from_utf8(replayed.stdout).unwrap();
    assert!(
        text.contains("vote-app 2/2") && text.contains("RECORDED"),
        "{text}"
    );
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_voteops-tui"));
    command.args(["--replay", dir]);
    command.env("XDG_STATE_HOME", stack.home.state_dir());
    let mut terminal = Terminal::start(command, 80, 24);
    terminal.wait_for("RECORDED");
    terminal.press("6");
    terminal.wait_for("the recording");
    // Whichever service spoke last, the search finds the line.
    terminal.press("svotes are acc\r");
    terminal.wait_for("votes are accepted");
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
    let log = std::fs::read_to_string(stack.home.state_dir().join("voteops/console.log")).unwrap();
    assert!(log.contains("the console ends"), "{log}");
}

#[test]
fn the_console_goes_to_other_contexts_and_begins_experiments() {
    let stack = Home::new().stack(&["--time-scale", "30"]);
    let prometheus = stack.file().url(Kind::Prometheus).unwrap();
    let config = stack.home.data_dir().with_file_name("config.toml");
    let text = format!(
        "[contexts.shop]\nprometheus = \"{prometheus}\"\nread_only = true\n\
         [contexts.broken]\nprometheus = \"{prometheus}\"\nauth.ca = \"no.pem\"\n"
    );
    std::fs::write(&config, text).unwrap();
    let config = config.to_str().unwrap();
    let mut terminal = Terminal::open(&stack, &["--allow-chaos", "--config", config]);
    terminal.wait_for("vote-app 2/2");
    terminal.press(":context shop\r");
    terminal.wait_for("voteops · shop");
    terminal.press("7b");
    terminal.wait_for("read-only");
    terminal.press(":context broken\r");
    terminal.wait_for("cannot be asked");
    terminal.wait_for("voteops · shop");
    terminal.press(":context stack\r");
    terminal.wait_for("local stack");

    // The plan names what is touched; nothing is before the question was answered.
    terminal.wait_for("No experiment was run");
    terminal.press("b");
    terminal.wait_for("Begin an experiment");
    terminal.press("\r");
    terminal.wait_for("how long: 1m");
    terminal.press("\r");
    let worker = stack.pid("worker-1");
    terminal.wait_for(&format!("worker-1 (process {worker}, SIGSTOP)"));
    assert_ne!(state(worker), Some('T'));
    terminal.press("y");
    terminal.wait_for("■ running");
    wait_until("the worker stands", || state(worker) == Some('T'));
    terminal.press("x");
    terminal.wait_for("● undone");
    wait_until("the worker runs", || state(worker) != Some('T'));

    // Leaving undoes what was begun, and so does being killed.
    terminal.press("b");
    terminal.wait_for("Begin an experiment");
    terminal.press("\r");
    terminal.wait_for("how long: 1m");
    terminal.press("\r");
    terminal.wait_for("Begin this?");
    terminal.press("y");
    wait_until("the worker stands again", || state(worker) == Some('T'));
    terminal.press("q");
    terminal.wait_for("begun here is ended");
    terminal.press("y");
    assert_eq!(terminal.ended(), 0);
    assert_ne!(state(worker), Some('T'));

    let mut terminal = Terminal::open(&stack, &["--allow-chaos"]);
    terminal.wait_for("vote-app 2/2");
    terminal.press("7b");
    terminal.wait_for("Begin an experiment");
    terminal.press("\r");
    terminal.wait_for("how long: 1m");
    terminal.press("\r");
    terminal.wait_for("Begin this?");
    terminal.press("y");
    wait_until("the worker stands once more", || state(worker) == Some('T'));
    kill(terminal.pid(), Signal::KILL);
    terminal.child.wait().unwrap();
    wait_until("the guardian lets it go on", || state(worker) != Some('T'));
    wait_until("the record is gone", || stack.no_faults_on_record());
    assert!(stack.audit().contains("\"by\":\"guardian\""));
}

/// The console of a stack that it starts, which serves.
fn console_of_up(home: &Home) -> Terminal {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_voteops"));
    command.env("XDG_STATE_HOME", home.state_dir());
    let ports = home.port_base().to_string();
    command.args([
        "up",
        "--time-scale",
        "30",
        "--port-base",
        &ports,
        "--data-dir",
    ]);
    command.arg(home.data_dir());
    let terminal = Terminal::start(command, 120, 36);
    terminal.wait_for("vote-app 2/2");
    terminal
}

#[test]
fn a_signal_to_the_console_of_up_stops_the_stack_in_order() {
    let home = Home::new();
    let mut terminal = console_of_up(&home);
    let stack = voteops_local::StackFile::read(&home.data_dir()).unwrap();
    // As a terminal that is closed and its shell do.
    kill(terminal.pid(), Signal::HUP);
    kill(terminal.pid(), Signal::HUP);
    assert_eq!(terminal.ended(), 129);
    assert_nothing_runs_of(&stack);
    let events = std::fs::read_to_string(home.data_dir().join("events.jsonl")).unwrap();
    let last = events.lines().last().unwrap();
    assert!(last.contains("stopped"), "{last}");
}

#[test]
fn leaving_the_console_of_up_stops_the_stack_after_one_question() {
    let home = Home::new();
    let mut terminal = console_of_up(&home);
    let stack = voteops_local::StackFile::read(&home.data_dir()).unwrap();
    terminal.press("q");
    terminal.wait_for("Stop the stack");
    terminal.press("n");
    wait_until("the question is gone", || {
        !terminal.text().contains("Stop the stack")
    });
    assert!(stack.supervisor.is_alive());
    terminal.press("q");
    terminal.wait_for("Stop the stack");
    terminal.press("y");
    assert_eq!(terminal.ended(), 0);
    assert!(
        terminal.text().contains("everything is stopped"),
        "{}",
        terminal.text()
    );
    assert_nothing_runs_of(&stack);
}
