//! Writes Grafana's dashboards and alert rules to `observability/grafana`, or below the directory that is given:
//! `cargo run -p voteops-observability --example provision [DIRECTORY]`.

use std::path::{Path, PathBuf};

use voteops_observability::provision::{self, Setting};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let given = std::env::args_os().nth(1).map(PathBuf::from);
    let root = given.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("grafana"));
    for file in provision::files(&Setting::shipped())? {
        let path = root.join(&file.path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&path, &file.text)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        println!("{}", path.display());
    }
    Ok(())
}
