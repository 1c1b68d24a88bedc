//! How long a frame and an update take when there is as much to show as there may be.

use std::error::Error;

use criterion::{BatchSize, Criterion};
use voteops_console::bench_support::{Console, SCREENS};

const COLUMNS: u16 = 200;
const ROWS: u16 = 50;

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default().configure_from_args();
    let full = || Console::full(COLUMNS, ROWS);
    frames(&mut criterion, full()?);
    refresh(&mut criterion, full()?);
    instances(&mut criterion, full()?);
    scrolling(&mut criterion, full()?);
    search(&mut criterion, full()?);
    picture(&mut criterion, full()?);
    criterion.final_summary();
    Ok(())
}

/// A frame of each screen.
fn frames(criterion: &mut Criterion, mut console: Console) {
    let mut group = criterion.benchmark_group("frame");
    for (screen, keys) in SCREENS {
        console.press(keys);
        group.bench_function(screen, |bench| bench.iter(|| console.draw()));
    }
}

/// One refresh of signals and rules.
fn refresh(criterion: &mut Criterion, mut console: Console) {
    criterion.bench_function("update/refresh", |bench| {
        // The messages of a refresh are made outside of what is measured.
        let console = std::cell::RefCell::new(&mut console);
        bench.iter_batched(
            || console.borrow_mut().next_refresh(),
            |refresh| console.borrow_mut().refresh(refresh),
            BatchSize::SmallInput,
        );
    });
}

/// Charts of every worker, and one of them alone.
fn instances(criterion: &mut Criterion, mut console: Console) {
    let mut group = criterion.benchmark_group("frame");
    console.press("4i");
    group.bench_function("worker, each instance", |bench| {
        bench.iter(|| console.draw());
    });
    console.press("\r");
    group.bench_function("worker, one chart of each instance", |bench| {
        bench.iter(|| console.draw());
    });
}

/// Down and up again in long lists, with a frame after each key.
fn scrolling(criterion: &mut Criterion, mut console: Console) {
    let mut group = criterion.benchmark_group("two keys and their frames");
    for (list, keys) in [
        ("1000 targets", "8"),
        ("10000 series", ":query up\r"),
        ("10000 log lines", "6g"),
    ] {
        console.press(keys);
        // Away from the list's first page.
        for _ in 0..100 {
            console.press("j");
        }
        group.bench_function(list, |bench| {
            bench.iter(|| {
                for key in ["j", "k"] {
                    console.press(key);
                    console.draw();
                }
            });
        });
    }
}

/// A letter of a search in all log lines, typed and taken back.
fn search(criterion: &mut Criterion, mut console: Console) {
    console.press("6s7");
    criterion.bench_function(
        "two keys and their frames/a search of 10000 log lines",
        |bench| {
            bench.iter(|| {
                for key in ["3", "\x08"] {
                    console.press(key);
                    console.draw();
                }
            });
        },
    );
}

fn picture(criterion: &mut Criterion, mut console: Console) {
    console.draw();
    criterion.bench_function("svg", |bench| bench.iter(|| console.picture()));
}
