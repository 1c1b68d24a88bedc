use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

fn parse(text: &str) -> Result<File, String> {
    File::parse(text, Path::new("/etc/voteops/config.toml"))
}

#[test]
fn the_example_is_sound_with_and_without_its_comments() {
    assert_eq!(parse(EXAMPLE).unwrap().contexts.len(), 1);
    let whole: Vec<_> = EXAMPLE
        .lines()
        .map(|line| {
            let bare = line.strip_prefix("# ").or(line.strip_prefix('#'));
            let bare = bare.unwrap_or(line);
            let is_text =
                bare.ends_with('.') || bare.starts_with('`') || bare.starts_with("Contexts");
            if is_text { "" } else { bare }
        })
        .collect();
    let whole = whole.join("\n");
    // What names a context has to come before the first table.
    let whole = whole.replace("default = \"prod\"\n", "");
    let file = parse(&format!("default = \"prod\"\n{whole}")).unwrap();
    assert_eq!(file.console.keys["logs.follow"], ["F", "F5"]);
    assert_eq!(Keys::parse(&file.console.keys).err(), None);
    let prod = &file.contexts["prod"];
    assert!(prod.read_only && prod.only_own_signals);
    assert_eq!(prod.alertmanager_filter.0[0].to_string(), "team=\"shop\"");
    assert_eq!(prod.signals[0].title, "Checkouts");
    let access = prod.access("loki");
    assert_eq!(access.tenant.as_deref(), Some("team-a"));
    assert_eq!(access.ca, Some("/etc/voteops/ca.pem".into()));
    let token = prod.access("grafana").login;
    let told = format!("{token:?}");
    assert!(told.contains("/etc/voteops/grafana-token"), "{told}");
    assert_eq!(
        file.console.refresh,
        Some(std::time::Duration::from_secs(1))
    );
}

#[test]
fn errors_tell_the_place_and_never_a_value() {
    for (text, told) in [
        (
            "promtheus = 1",
            "line 1, column 1: unknown field `promtheus`",
        ),
        (
            "[contexts.a]\nloki = \"http://l\"",
            "missing field `prometheus`",
        ),
        (
            "[contexts.a]\nprometheus = \"localhost\"",
            "line 2, column 14",
        ),
        ("[console]\nrefresh = \"1ms\"", "between 200ms and 1h"),
        ("[contexts.a\n", "line 1"),
        (
            "[console.keys]\nquit = \"q\"",
            "line 2, column 8: write a list of keys",
        ),
        (
            "[console.keys]\nlogs.open = [\"o\"]\n\"logs.open\" = [\"p\"]",
            "logs.open is there twice",
        ),
        (
            "[contexts.a]\nprometheus = \"http://p\"\nauth.bearer = { value = \"s3cret\", file = \"x\" }",
            "write one of",
        ),
        (
            "[contexts.a]\nprometheus = \"http://p\"\nauth.bearer = { valeu = \"s3cret\" }",
            "unknown field `valeu`",
        ),
        (
            "[contexts.a]\nprometheus = \"http://p\"\nauth.bearer = \"s3cret\"",
            "line 3, column 15: invalid type: string",
        ),
        (
            "[contexts.a]\nprometheus = \"http://me:s3cret@p:port\"",
            "line 2, column 14",
        ),
        (
            "[contexts.a]\nprometheus = \"http://p\"\nauth.basic = { user = \"u\", password = \"s3\\\"cret s3cret\" }",
            "line 3",
        ),
        ("[chaos]\nlongest = \"5h\"", "between 100ms and 4h"),
        ("[chaos]\nhighest_rate = nan", "a number above 0"),
        (
            "[chaos]\nmost_share = \"150%\"",
            "above 0% and at most 100%",
        ),
        (
            "[contexts.a]\nprometheus = \"http://p\"\nauth.bearer = { value = s3cret }",
            "line 3",
        ),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.contains(told), "{text}: {error}");
        assert!(!error.contains("s3cret"), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.toml");
    let text = r#"
        default = "nope"
        console.theme = "pink"
        console.lang = "xx"
        console.keys.frezee = ["F1"]
        console.keys.freeze = ["Spcae"]
        console.keys.interrupt = []
        console.keys.logs.follow = ["v"]
        [contexts.a]
        prometheus = "ftp://p"
        loki = "http://me:s3cret@l"
        grafana = "grafana:3000"
        auth.basic = { user = "u", password = { value = "s3cret" } }
        auth.bearer = { file = "no-token" }
        [[contexts.a.signals]]
        id = "x.y"
        component = "redis"
        title = "T"
        unit = "count"
        expr = "rate("
    "#;
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let problems = Config::read(Some(&path)).unwrap().problems().join("\n");
    for told in [
        "chmod 600",
        "default: there is no context \"nope\"",
        "console.theme: \"pink\"",
        "console.lang: \"xx\"",
        "console.keys: no binding is called \"frezee\"; the nearest name is freeze",
        "console.keys: freeze: no key is called \"Spcae\"; the nearest name is Space",
        "console.keys: interrupt: Ctrl-C has to be among its keys",
        "console.keys: v means both logs.follow and logs.service",
        "contexts.a.prometheus: write http://HOST:PORT",
        "contexts.a.loki: write user and password as auth.basic",
        "contexts.a.grafana: write http://HOST:PORT",
        "contexts.a.auth: basic and bearer exclude each other",
        "no-token is no file that is there",
        "contexts.a.signals x.y:",
    ] {
        assert!(problems.contains(told), "{told} not in\n{problems}");
    }
    assert!(!problems.contains("s3cret"), "{problems}");
    let debug = format!(
        "{:?}",
        Config::read(Some(&path)).unwrap().file.contexts["a"].access("loki")
    );
    assert!(!debug.contains("s3cret"), "{debug}");
}

#[test]
fn own_access_comes_before_that_of_all() {
    let file = parse(
        "[contexts.a]\nprometheus = \"http://p\"\nloki = \"http://l\"\ngrafana = \"http://g\"\nauth.tenant = \"all\"\nloki_auth.tenant = \"own\"\ngrafana_auth.tenant = \"seen\"",
    )
    .unwrap();
    let context = &file.contexts["a"];
    let names = ["prometheus", "loki", "grafana", "alertmanager"];
    let tenants = names.map(|name| context.access(name).tenant);
    let told = tenants.each_ref().map(Option::as_deref);
    assert_eq!(told, [Some("all"), Some("own"), Some("seen"), None]);
}

#[test]
fn a_file_that_was_named_has_to_be_there() {
    let told = format!(
        "{:?}",
        Config::read(Some(Path::new("/no/such.toml"))).unwrap_err()
    );
    assert!(
        told.contains("/no/such.toml") && told.contains("config init"),
        "{told}"
    );
}

#[test]
fn names_of_keys_are_the_same_with_and_without_quotes() {
    let keys = |line: &str| {
        let file = parse(&format!("[console.keys]\nlogs = [\"F6\"]\n{line}"));
        file.map(|file| file.console.keys)
    };
    let quoted = keys("\"alerts.open\" = [\"o\"]").unwrap();
    assert_eq!(quoted["alerts.open"], ["o"]);
    assert_eq!(keys("alerts.open = [\"o\"]"), Ok(quoted));
    assert!(keys("[console.keys.alerts]\nopen = [\"o\"]").is_ok());
}

#[test]
fn wrong_keys_are_told_with_the_file_and_end_the_call_as_wrong_usage() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.toml");
    fs::write(&path, "console.keys.freeze = [\"s\"]").unwrap();
    let failure = Config::read(Some(&path)).unwrap().keys().unwrap_err();
    let told = format!("{failure:?}");
    assert!(
        told.contains("config.toml: console.keys: s means both"),
        "{told}"
    );
    assert!(told.contains("code: 2"), "{told}");
}
