//! The console in a terminal of its own, against a running stack.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::Signal;

use crate::support::{Home, Stack, kill, wait_until};

/// `voteops-tui` in a terminal of 80 columns and 24 lines.
struct Terminal {
    screen: Arc<Mutex<vt100::Parser>>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    _master: Box<dyn MasterPty + Send>,
}

impl Terminal {
    fn open(stack: &Stack, args: &[&str]) -> Self {
        let size = PtySize {
            rows: 24,
            cols: 80,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pty = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_voteops-tui"));
        command.args(args);
        command.arg("--data-dir");
        command.arg(stack.home.data_dir());
        command.env("TERM", "xterm-256color");
        command.env("RUST_BACKTRACE", "0");
        let child = pty.slave.spawn_command(command).unwrap();
        drop(pty.slave);
        let mut output = pty.master.try_clone_reader().unwrap();
        let screen = Arc::new(Mutex::new(vt100::Parser::default()));
        let parser = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut buffer) {
                parser.lock().unwrap().process(&buffer[..length]);
            }
        });
        let keys = pty.master.take_writer().unwrap();
        Self {
            screen,
            keys,
            child,
            _master: pty.master,
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
                "no {words:?} in\n{}",
                self.text()
            );
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
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
        status.exit_code()
    }
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
    terminal.wait_for("freeze");
    terminal.press("\x1b");
    terminal.press("1");
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
fn without_a_terminal_the_console_prints_one_frame() {
    let stack = Home::new().stack(&["--time-scale", "30"]);
    let output = stack.home.command("voteops-tui").output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("vote-app 2/2") && text.contains("Queue length"),
        "{text}"
    );
    assert!(!text.contains('\x1b'));
}
