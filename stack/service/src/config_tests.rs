use std::io::Write;

use super::*;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    ttl: Option<FileValue>,
    size: Option<FileValue>,
}

fn load(text: &str) -> Result<Settings<Keys>, ConfigError> {
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    Settings::load("VOTEOPS_SERVICE_TEST", Some(file.path()))
}

#[test]
fn a_flag_beats_the_file_and_the_file_beats_the_default() {
    let settings = load("ttl = \"3s\"\nsize = 7\n").unwrap();
    let file = settings.keys.ttl.as_ref();
    let ttl = |given, file| {
        settings
            .get("ttl", given, file, "1s")
            .duration()
            .unwrap()
            .as_secs()
    };
    assert_eq!(ttl(Some("5s".to_owned()), file), 5);
    assert_eq!(ttl(None, file), 3);
    assert_eq!(ttl(None, None), 1);
    let size = settings.get("size", None, settings.keys.size.as_ref(), "1");
    assert_eq!(size.number(1, 10).unwrap(), 7);
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    let error = load("ttl = \"3s\"\nsiez = 7\n").unwrap_err().to_string();
    assert!(error.contains(".toml:2: unknown field `siez`"), "{error}");
    assert!(!error.contains('\n'), "{error}");
}

#[test]
fn a_value_of_the_wrong_kind_is_named_with_its_line() {
    let error = load("\nttl = true\n").unwrap_err().to_string();
    assert!(
        error.contains(".toml:2: expected a text in quotes or a whole number"),
        "{error}"
    );
}

#[test]
fn a_bad_value_names_key_source_and_way_out() {
    let settings = load("\n\nttl = \"soon\"\n").unwrap();
    let from_file = settings.get("ttl", None, settings.keys.ttl.as_ref(), "1s");
    let error = from_file.duration().unwrap_err().to_string();
    assert!(error.starts_with("ttl = \"soon\" (from /"), "{error}");
    assert!(error.contains(".toml:3)"), "{error}");
    assert!(error.ends_with("such as 500ms or 2s"), "{error}");

    let from_flag = settings.get("ttl", Some("0s".to_owned()), None, "1s");
    let error = from_flag.duration().unwrap_err().to_string();
    assert!(
        error.starts_with("ttl = \"0s\" (from --ttl): expected a duration"),
        "{error}"
    );
}

#[test]
fn the_environment_variable_is_named_as_the_source() {
    let settings: Settings<Keys> = Settings {
        env_prefix: "",
        file: None,
        keys: Keys::default(),
    };
    assert_eq!(settings.source_of("x", "y"), Source::Flag);
    let cargo = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    let settings: Settings<Keys> = Settings {
        env_prefix: "CARGO",
        file: None,
        keys: Keys::default(),
    };
    let given = settings.get("manifest-dir", Some(cargo), None, "");
    assert_eq!(given.source, Source::Env("CARGO_MANIFEST_DIR".to_owned()));
}

#[test]
fn a_missing_file_is_named() {
    let error = Settings::<Keys>::load("X", Some(Path::new("/nowhere/x.toml"))).unwrap_err();
    assert!(error.to_string().contains("/nowhere/x.toml"), "{error}");
}

#[test]
fn a_password_is_not_repeated() {
    let settings = load("").unwrap();
    let given = settings.get("url", Some("http://ann:secret@db/x".to_owned()), None, "");
    let error = given.error("not Redis").to_string();
    assert!(error.contains("http://ann:***@db/x"), "{error}");
    for (url, shown) in [
        ("redis://db:6379/0?a=b", "redis://db:6379/0?a=b"),
        // What makes it bad may be an unescaped character of the password.
        ("postgres://ann:pa/ss@h/db", "postgres://ann:***@h/db"),
        ("postgres://ann:p#w@h/db", "postgres://ann:***@h/db"),
        ("postgres://ann:p@ss@h/db", "postgres://ann:***@h/db"),
        (
            "postgres://h/db?password=x&a=b",
            "postgres://h/db?password=***&a=b",
        ),
        (
            "postgres://h:5432/d?password=p@ss",
            "postgres://h:5432/d?password=***",
        ),
        ("default:hunter2@redis:6379", "default:***@redis:6379"),
        (
            "host=db password=hunter2 user=v",
            "host=db password=*** user=v",
        ),
        ("password='a b' host=db", "password=*** host=db"),
        ("127.0.0.1:6379", "127.0.0.1:6379"),
        // Rather too much than too little.
        ("redis://db:6379/0?a=b@c", "redis://db:***@c"),
    ] {
        assert_eq!(mask_password(url), shown);
    }
}

#[test]
fn a_log_level_that_is_none_is_refused() {
    let settings = load("").unwrap();
    let filter = |text: &str| settings.get("log-level", None, None, text).log_filter();
    assert!(filter("debug").is_ok());
    assert!(filter("warn,voteops_queue=debug").is_ok());
    assert!(filter("loud").is_err());
    assert!(filter("a=loud").is_err());
}
