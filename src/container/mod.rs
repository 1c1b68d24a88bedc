//! What containers of the stack run beside its services: the receiver of notifications, the question
//! whether a service is well, and the asking of a service for faults.

pub(crate) mod ask;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use tokio::sync::broadcast::Receiver as Arrivals;
use tokio::sync::broadcast::error::RecvError::{Closed, Lagged};
use url::Url;
use voteops_observability::backend::Http;
use voteops_observability::config;
use voteops_observability::webhook::{Received, Receiver};
use voteops_service::{http, logs, shutdown};

use crate::Failure;
use crate::failure::{CANNOT_ASK, USAGE};
use crate::runtime;

/// Takes Alertmanager's notifications and logs each, until it is told to stop.
pub(crate) fn receiver(listen: SocketAddr) -> Result<(), Failure> {
    runtime::single_thread()?.block_on(async {
        logs::init("info")?;
        let stop = shutdown::on_signal()?;
        let listener = http::listen(listen, "--listen").await?;
        let receiver = Receiver::default();
        tokio::spawn(tell(receiver.subscribe()));
        tracing::info!(%listen, "notifications are taken");
        receiver.serve(listener, stop).await?;
        Ok(())
    })
}

/// Writes the files that tell Prometheus and Alertmanager how long things last, with these durations divided.
/// They are for all to read, since servers in containers are users of their own.
pub(crate) fn scaled(time_scale: f64, dir: &Path) -> Result<(), Failure> {
    for (name, text) in config::scaled(time_scale)? {
        let path = dir.join(name);
        let written = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&path, text));
        written.map_err(|error| Failure::new(USAGE, format!("{}: {error}", path.display())))?;
    }
    Ok(())
}

async fn tell(mut arrivals: Arrivals<Received>) {
    loop {
        match arrivals.recv().await {
            Ok(Received { notification, .. }) => {
                for alert in &notification.alerts {
                    let name = alert.labels.get("alertname").map_or("", String::as_str);
                    let status = alert.status.as_str();
                    tracing::info!(alert = name, status, "notification received");
                }
            }
            Err(Lagged(missed)) => tracing::warn!(missed, "notifications were not logged"),
            Err(Closed) => return,
        }
    }
}

/// Succeeds when `url` is answered with success: the health check of an image without `curl`.
pub(crate) fn probe(url: &Url) -> Result<(), Failure> {
    runtime::single_thread()?.block_on(async {
        let http = Http::new(&url.join("/")?)?;
        let (status, body) = http.get(url.path(), &[]).await?;
        if status.is_success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&body);
        let told = format!("{url} answers {status}: {}", said.trim());
        Err(Failure::new(CANNOT_ASK, told))
    })
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// Answers one request, and gives back what it was.
    fn answering(answer: &'static str) -> (Url, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/readyz", listener.local_addr().unwrap());
        let served = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..read]).into_owned()
        });
        (url.parse().unwrap(), served)
    }

    #[test]
    fn a_probe_succeeds_when_the_very_address_answers_success() {
        let (url, served) = answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        probe(&url).unwrap();
        let request = served.join().unwrap();
        assert!(request.starts_with("GET /readyz HTTP/1.1"), "{request}");
    }

    #[test]
    fn a_probe_tells_the_address_and_what_was_said() {
        let answer = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\nwait";
        let (url, served) = answering(answer);
        let told = probe(&url).unwrap_err().to_string();
        assert!(told.starts_with(url.as_str()), "{told}");
        assert!(told.contains("503") && told.ends_with("wait"), "{told}");
        served.join().unwrap();
    }
}
