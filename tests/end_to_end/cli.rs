//! Calls that cannot work: one line on standard error that names the input, the reason and the way
//! out, and the right exit code.

use crate::support::{Home, assert_schema, told};

#[test]
fn wrong_calls_are_told_in_one_line() {
    let home = Home::new();
    let file = home.data_dir();
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "in the way").unwrap();
    let data_dir = file.to_str().unwrap();
    for (args, code, words) in [
        (
            vec!["status"],
            3,
            "no stack is running; start one with `voteops up`",
        ),
        (vec!["down"], 1, "no stack is running"),
        (
            vec!["status", "--data-dir", "/nowhere"],
            3,
            "no stack is running in /nowhere",
        ),
        (
            vec!["status", "--prometheus", "http://127.0.0.1:1"],
            3,
            "http://127.0.0.1:1/",
        ),
        (
            vec!["status", "--prometheus", "https://127.0.0.1:1"],
            2,
            "asked: No CA certificates were loaded from the system (is the package ca-certificates installed?",
        ),
        (
            vec!["status", "--prometheus", "http://nowhere.invalid:1"],
            3,
            "http://nowhere.invalid:1/api/v1/rules cannot be reached",
        ),
        (vec!["tui", "--once"], 3, "no stack is running"),
        (vec!["chaos", "verify", "X"], 3, "no stack is running"),
        (vec!["chaos", "stall-worker"], 3, "no stack is running"),
        (
            vec!["up", "--detach", "--data-dir", data_dir],
            1,
            "choose another with --data-dir",
        ),
        (
            vec!["up", "--detach", "--database-url", "mysql://x"],
            2,
            "--database-url: it must begin with sqlite:// or postgres://",
        ),
    ] {
        let output = home.voteops(&args);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{args:?}: {}",
            told(&output)
        );
        let line = String::from_utf8(output.stderr).unwrap();
        assert!(line.contains(words), "{args:?}: {line}");
        assert_eq!(line.lines().count(), 1, "{args:?}: {line}");
        assert!(line.starts_with("voteops: "), "{args:?}: {line}");
    }
}

#[test]
fn what_is_typed_comes_before_what_the_environment_says() {
    let home = Home::new();
    let nobody = "http://127.0.0.1:1";
    for (variable, value, args, code, words) in [
        (
            "VOTEOPS_DATA_DIR",
            "/nowhere",
            &["status", "--context", "shop"][..],
            3,
            "--context shop: ",
        ),
        (
            "VOTEOPS_CONTEXT",
            "shop",
            &["status", "--prometheus", nobody],
            3,
            nobody,
        ),
        (
            "VOTEOPS_CONTEXT",
            "shop",
            &["status", "--data-dir", "/nowhere"],
            3,
            "no stack is running in /nowhere",
        ),
        (
            "VOTEOPS_PROMETHEUS",
            nobody,
            &["tui", "--once", "--replay", "/nowhere"],
            2,
            "/nowhere",
        ),
        (
            "VOTEOPS_REDIS_URL",
            "redis://127.0.0.1:1",
            &["chaos", "verify", "X"],
            3,
            "no stack is running",
        ),
        (
            "VOTEOPS_LEDGER_URL",
            "sqlite:///nowhere",
            &["chaos", "verify", "X"],
            3,
            "no stack is running",
        ),
        (
            "VOTEOPS_LOKI",
            nobody,
            &["status"],
            2,
            "VOTEOPS_LOKI goes with VOTEOPS_PROMETHEUS only",
        ),
        (
            "VOTEOPS_LOKI",
            nobody,
            &["status", "--context", "shop", "--prometheus", nobody],
            2,
            "--prometheus does not go with --context",
        ),
        (
            "VOTEOPS_LOKI",
            nobody,
            &["chaos", "verify", "X", "--redis", "redis://127.0.0.1:1"],
            2,
            "--redis goes with --prometheus only",
        ),
    ] {
        let mut command = home.command("voteops");
        let output = command.env(variable, value).args(args).output().unwrap();
        let line = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {line}");
        assert!(line.contains(words), "{args:?}: {line}");
        assert_eq!(line.lines().count(), 1, "{args:?}: {line}");
    }
}

#[test]
fn an_engine_of_another_machine_is_not_even_asked_unless_it_is_meant() {
    let home = Home::new();
    let engine = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    engine.set_nonblocking(true).unwrap();
    let address = format!("tcp://{}", engine.local_addr().unwrap());
    let mut command = home.command("voteops");
    command.env("DOCKER_HOST", &address);
    let refused = command.args(["chaos", "stall-worker"]).output().unwrap();
    let words = told(&refused);
    assert_eq!(refused.status.code(), Some(2), "{words}");
    for part in ["no stack is running", &address, "--via docker"] {
        assert!(words.contains(part), "{words}");
    }
    assert_eq!(
        engine.accept().unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock
    );
    drop(engine);
    let mut command = home.command("voteops");
    command.env("DOCKER_HOST", &address);
    command.args(["chaos", "stall-worker", "--via", "docker"]);
    let asked = command.output().unwrap();
    assert!(told(&asked).contains("cannot be asked"), "{}", told(&asked));
}

#[test]
fn a_context_is_written_checked_shown_and_never_tells_its_secrets() {
    let home = Home::new();
    let path = home.data_dir().with_file_name("config.toml");
    let file = path.to_str().unwrap();
    let config = |args: &[&str]| home.voteops(&[&["config"], args, &["--config", file]].concat());
    assert!(config(&["init"]).status.success());
    let again = config(&["init"]);
    assert_eq!(again.status.code(), Some(2), "{}", told(&again));
    assert!(config(&["check"]).status.success());
    std::fs::write(
        &path,
        "[contexts.a]\nprometheus = \"http://127.0.0.1:1\"\nauth.bearer = { value = \"s3cret\" }\n",
    )
    .unwrap();
    let shown = config(&["show"]);
    let document = serde_json::from_slice(&shown.stdout).unwrap();
    assert_schema("config.schema.json", &document);
    let secret_from = &document["contexts"]["a"]["backends"]["prometheus"]["access"]["login"];
    assert_eq!(secret_from["secret_from"], "the configuration");
    let asked = config(&["check", "--ask"]);
    assert_eq!(asked.status.code(), Some(3), "{}", told(&asked));
    let status = home.voteops(&["status", "--context", "a", "--config", file]);
    assert_eq!(status.status.code(), Some(3), "{}", told(&status));
    let nobody = home.voteops(&["status", "--context", "b", "--config", file]);
    assert!(
        told(&nobody).contains("no such context, only a"),
        "{}",
        told(&nobody)
    );
    let engine = "/nowhere/docker.sock cannot be asked";
    assert!(told(&nobody).contains(engine), "{}", told(&nobody));
    std::fs::write(&path, "[contexts.a]\nprometheus = s3cret").unwrap();
    let broken = config(&["check"]);
    assert!(
        told(&broken).contains("line 2, column 14"),
        "{}",
        told(&broken)
    );
    for output in [shown, asked, status, nobody, broken] {
        assert!(!told(&output).contains("s3cret"), "{}", told(&output));
    }
}

#[test]
fn keys_are_chosen_listed_shown_and_wrong_ones_told() {
    let home = Home::new();
    let path = home.data_dir().with_file_name("config.toml");
    let file = path.to_str().unwrap();
    let config = |args: &[&str]| home.voteops(&[&["config"], args, &["--config", file]].concat());
    let frame = || {
        let mut console = home.command("voteops-tui");
        console.args([
            "--once",
            "--prometheus",
            "http://127.0.0.1:1",
            "--config",
            file,
        ]);
        console.env("COLUMNS", "120").env("LINES", "36");
        console.output().unwrap()
    };
    std::fs::write(
        &path,
        "[console.keys]\nhelp = [\"F1\"]\nlogs.follow = [\"F\", \"ctrl-l\"]\nmouse = []\n",
    )
    .unwrap();
    assert!(config(&["check"]).status.success());
    let listed = config(&["keys"]);
    let rows: Vec<_> = std::str::from_utf8(&listed.stdout)
        .unwrap()
        .lines()
        .collect();
    let row = |name: &str| {
        let found = rows.iter().find(|row| row.starts_with(&format!("{name} ")));
        found
            .unwrap()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(row("help"), "help F1 the keys everywhere");
    assert_eq!(
        row("logs.follow"),
        "logs.follow F Ctrl-L follow, or stop logs"
    );
    assert!(
        row("mouse").starts_with("mouse (none) "),
        "{}",
        row("mouse")
    );
    let column = rows[0].find("where").unwrap();
    assert!(rows.iter().all(|row| {
        let before: String = row.chars().take(column).collect();
        before.ends_with("  ")
    }));
    let shown = serde_json::from_slice(&config(&["show"]).stdout).unwrap();
    assert_schema("config.schema.json", &shown);
    assert_eq!(shown["console"]["keys"]["mouse"], serde_json::json!([]));
    let drawn = frame();
    assert!(told(&drawn).contains("F1 help  q quit"), "{}", told(&drawn));

    std::fs::write(&path, "[console.keys]\nhelp = [\"q\"]\ninterrupt = []\n").unwrap();
    let wrong = config(&["check"]);
    assert_eq!(wrong.status.code(), Some(2), "{}", told(&wrong));
    for words in ["q means both help and quit", "interrupt: Ctrl-C"] {
        assert!(told(&wrong).contains(words), "{}", told(&wrong));
    }
    for refused in [frame(), config(&["keys"])] {
        assert_eq!(refused.status.code(), Some(2), "{}", told(&refused));
        let line = String::from_utf8(refused.stderr).unwrap();
        assert!(
            line.contains("console.keys: interrupt: Ctrl-C has to be"),
            "{line}"
        );
        assert_eq!(line.lines().count(), 1, "{line}");
    }
}

#[test]
fn a_frame_can_be_written_as_a_picture() {
    let home = Home::new();
    let file = home.data_dir().with_file_name("frame.svg");
    let write = |file: &str| {
        let nobody = ["--prometheus", "http://127.0.0.1:1"];
        let mut command = home.command("voteops-tui");
        command.args(nobody).args(["--once", "--svg", file]);
        command.env("COLUMNS", "80").env("LINES", "24");
        command.output().unwrap()
    };
    let output = write(file.to_str().unwrap());
    assert!(output.status.success(), "{}", told(&output));
    assert!(output.stdout.is_empty());
    let picture = std::fs::read_to_string(file).unwrap();
    assert!(picture.starts_with("<svg") && picture.ends_with("</svg>\n"));
    assert!(picture.contains("prometheus unreachable"), "{picture}");
    let output = write("/nowhere/frame.svg");
    assert_eq!(output.status.code(), Some(2), "{}", told(&output));
    assert!(told(&output).contains("/nowhere/frame.svg"));
}

#[test]
fn recovering_without_a_fault_is_no_error() {
    let home = Home::new();
    let output = home.voteops(&["chaos", "recover"]);
    assert!(output.status.success(), "{}", told(&output));
    assert!(told(&output).contains("no fault is on record"));
}

#[test]
fn wrong_usage_is_exit_code_2_and_one_line() {
    let home = Home::new();
    for (args, words) in [
        (
            vec!["up", "--time-scale", "zero"],
            "'zero' for '--time-scale <N>': not a number",
        ),
        (
            vec!["status", "--prometheus", "nine"],
            "write http://HOST:PORT",
        ),
        (
            vec!["chaos", "flood", "--rate", "-1", "--for", "1s"],
            "--rate",
        ),
        (vec!["chaos", "flood", "--rate", "1"], "--for <DURATION>"),
        (
            vec!["chaos", "stall-worker", "--for", "soon"],
            "write 30s, 5m or 1h30m",
        ),
        (vec!["nonsense"], "unrecognized subcommand 'nonsense'"),
    ] {
        let output = home.voteops(&args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", told(&output));
        let line = String::from_utf8(output.stderr).unwrap();
        assert!(
            line.starts_with("voteops: ") && line.contains(words),
            "{args:?}: {line}"
        );
        assert_eq!(line.lines().count(), 1, "{args:?}: {line}");
    }
    let help = home.voteops(&["--help"]);
    assert!(help.status.success() && told(&help).contains("Prove") | told(&help).contains("chaos"));
}

#[test]
fn output_that_nobody_reads_is_no_panic() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut list = Home::new().command("voteops");
    let output = list
        .args(["chaos", "list"])
        .stdout(writer)
        .output()
        .unwrap();
    assert!(output.stderr.is_empty(), "{}", told(&output));
}
