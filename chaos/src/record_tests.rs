use serde_json::json;

use super::*;

fn record() -> Record {
    let process = Process {
        pid: 7,
        start_ticks: 42,
    };
    let target = Target::process("worker-1", process);
    Record::new(
        "stall-worker",
        Fault::Stall {},
        vec![target],
        Duration::from_mins(1),
    )
    .unwrap()
}

fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    (dir, store)
}

#[test]
fn what_is_written_is_read() {
    let (_dir, store) = store();
    let record = record();
    store.write(&record).unwrap();
    assert_eq!(read(&store.path(record.id)).unwrap(), Some(record.clone()));
    assert_eq!(
        store
            .list()
            .unwrap()
            .into_iter()
            .map(Result::unwrap)
            .collect::<Vec<_>>(),
        [record]
    );
}

#[test]
fn the_format_is_the_documented_one() {
    let record = record();
    let json = serde_json::to_value(&record).unwrap();
    assert_eq!(json["version"], 1);
    assert_eq!(json["name"], "stall-worker");
    assert_eq!(json["fault"], json!({ "kind": "stall" }));
    assert_eq!(
        json["targets"],
        json!([{ "name": "worker-1", "pid": 7, "start_ticks": 42 }])
    );
    assert_eq!(json["runner"]["pid"], std::process::id());
    assert_eq!(json["guardian"], json!(null));
    let lifetime = record.created_at.duration_until(record.deadline_at);
    assert_eq!(lifetime, SignedDuration::from_mins(1));
}

#[test]
fn a_record_from_before_faults_had_names_is_read() {
    let mut json = serde_json::to_value(record()).unwrap();
    json.as_object_mut().unwrap().remove("name");
    let (_dir, store) = store();
    let path = store.path(record().id);
    std::fs::write(&path, json.to_string()).unwrap();
    assert_eq!(read(&path).unwrap().unwrap().name, "stall");
}

#[test]
fn a_record_is_removed_once() {
    let (_dir, store) = store();
    let record = record();
    store.write(&record).unwrap();
    assert!(store.remove(record.id).unwrap());
    assert!(!store.remove(record.id).unwrap());
    assert_eq!(read(&store.path(record.id)).unwrap(), None);
}

#[test]
fn nothing_but_the_record_is_left_behind() {
    let (dir, store) = store();
    let record = record();
    store.write(&record).unwrap();
    store.write(&record).unwrap();
    let names: Vec<_> = fs::read_dir(dir.path().join("faults"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names, [format!("{}.json", record.id)]);
}

#[test]
fn a_broken_record_is_told_and_hides_no_other() {
    let (dir, store) = store();
    let record = record();
    store.write(&record).unwrap();
    fs::write(dir.path().join("faults/0.json"), "{\"version\": 1").unwrap();
    let listed = store.list().unwrap();
    assert!(
        matches!(listed[0], Err(Error::Unreadable { .. })),
        "{listed:?}"
    );
    assert_eq!(listed[1].as_ref().unwrap(), &record);
}

#[test]
fn a_record_of_a_newer_version_is_refused() {
    let (_dir, store) = store();
    let record = record();
    let mut json = serde_json::to_value(&record).unwrap();
    json["version"] = json!(VERSION + 1);
    let path = store.path(record.id);
    fs::write(&path, json.to_string()).unwrap();
    let message = read(&path).unwrap_err().to_string();
    assert!(message.contains("version 2, newer than 1"), "{message}");
}

#[test]
fn a_fault_must_end_some_day() {
    for ttl in [
        Duration::ZERO,
        LONGEST_TTL + Duration::from_nanos(1),
        Duration::MAX,
    ] {
        assert!(matches!(
            Record::new("stall-worker", Fault::Stall {}, vec![], ttl),
            Err(Error::Ttl { .. })
        ));
    }
    Record::new("stall-worker", Fault::Stall {}, vec![], LONGEST_TTL)
        .expect("the longest is allowed");
}

#[test]
fn a_full_disk_is_told_and_leaves_nothing() {
    // Every write to /dev/full fails with ENOSPC.
    assert!(write_durably(Path::new("/dev/full"), &record()).is_err());
    let missing = Store {
        dir: "/nonexistent".into(),
    };
    let message = missing.write(&record()).unwrap_err().to_string();
    assert!(
        message.starts_with("cannot write /nonexistent/faults/"),
        "{message}"
    );
}
