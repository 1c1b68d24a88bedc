//! The vote app with votes that cost nothing: what `scripts/bench accept` holds real ones against. Takes
//! the vote app's own arguments.

use clap::Parser;
use mimalloc::MiMalloc;
use voteops_service::{http, logs, shutdown};
use voteops_vote_app::{Cli, Config, run_noop, runtime};

/// As the vote app.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    runtime()?.block_on(async {
        let config = Config::load(Cli::parse())?;
        logs::init(&config.log_filter)?;
        let listener = http::listen(config.listen, "--listen").await?;
        run_noop(config, listener, shutdown::on_signal()?).await?;
        Ok(())
    })
}
