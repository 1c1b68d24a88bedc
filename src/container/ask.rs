//! Asks the service of this container for faults: what `voteops chaos` on the machine runs in here, where the
//! admin listener and its token are.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;
use voteops_observability::access::{Access, Login, Secret};
use voteops_observability::backend::Http;

use crate::Failure;
use crate::args::AskCommand;
use crate::failure::CANNOT_ASK;
use crate::runtime;

/// How long the service may take to answer, which it does at once unless it hangs: less than who runs this waits for it to
/// end, so that nothing is done in here after that was given up.
const PATIENCE: Duration = Duration::from_secs(3);

/// What the variables begin with that tell a service's settings.
const SERVICES: [&str; 2] = ["VOTE_APP", "WORKER"];

/// An admin listener, and the file with the token that opens it.
#[derive(Debug, PartialEq, Eq)]
struct Listener {
    url: Url,
    token_file: PathBuf,
}

impl Listener {
    /// That of the service whose settings are in the environment.
    fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Failure> {
        let set = |name: String| variable(&name).filter(|value| !value.is_empty());
        let found = SERVICES.iter().find_map(|service| {
            let listen = set(format!("{service}_ADMIN_LISTEN"))?;
            Some((listen, set(format!("{service}_ADMIN_TOKEN_FILE"))))
        });
        let Some((listen, token_file)) = found else {
            return Err(Failure::new(
                CANNOT_ASK,
                "the service here takes no faults, its admin listener is off; \
                 VOTEOPS_ADMIN_LISTEN=127.0.0.1:8090 docker compose up -d puts it on",
            ));
        };
        let token_file = token_file.ok_or_else(|| {
            let told =
                "the service here has an admin listener, and no variable tells where its token is";
            Failure::new(CANNOT_ASK, told)
        })?;
        let url = format!("http://{listen}").parse();
        Ok(Self {
            url: url.map_err(|error| Failure::new(CANNOT_ASK, format!("{listen:?}: {error}")))?,
            token_file: token_file.into(),
        })
    }

    /// A client that it lets in.
    fn client(&self) -> Result<Http, Failure> {
        let access = Access {
            login: Some(Login::Bearer(Secret::File(self.token_file.clone()))),
            ..Access::default()
        };
        Ok(Http::with_access(&self.url, &access)?)
    }
}

/// Prints the status and, from the next line on, the body of the answer.
///
/// # Errors
/// [`Failure`] when there is no listener, or it does not answer.
pub(crate) fn ask(request: &AskCommand) -> Result<(), Failure> {
    let http = Listener::of(|name| std::env::var(name).ok())?.client()?;
    let answer = answer(&http, request, PATIENCE);
    let (status, body) = runtime::single_thread()?.block_on(answer)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{status}")?;
    out.write_all(&body)?;
    Ok(())
}

/// What the service answers within `patience`.
async fn answer(
    http: &Http,
    request: &AskCommand,
    patience: Duration,
) -> Result<(u16, Vec<u8>), Failure> {
    let path = |kind: &str| format!("faults/{kind}");
    let asked = async {
        match request {
            AskCommand::Get => http.get("faults", &[]).await,
            AskCommand::Put { kind, body } => http.put_json(&path(kind), body).await,
            AskCommand::Delete { kind } => http.delete(&path(kind)).await,
        }
    };
    let hangs = |_| {
        let patience_s = patience.as_secs_f64();
        let told = format!("the service here does not answer within {patience_s} s; does it hang?");
        Failure::new(CANNOT_ASK, told)
    };
    let answer = tokio::time::timeout(patience, asked).await.map_err(hangs)?;
    let (status, body) = answer.map_err(|error| Failure::from(error).with_code(CANNOT_ASK))?;
    Ok((status.as_u16(), body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_hangs_is_not_waited_for() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let http = Http::new(&url.parse().unwrap()).unwrap();
        let answer = answer(&http, &AskCommand::Get, Duration::from_millis(20));
        let told = runtime::single_thread().unwrap().block_on(answer);
        let told = told.unwrap_err().to_string();
        assert!(told.contains("within 0.02 s; does it hang?"), "{told}");
    }

    fn of(variables: &[(&str, &str)]) -> Result<Listener, String> {
        let value = |name: &str| {
            let mut all = variables.iter();
            Some(all.find(|(key, _)| *key == name)?.1.to_owned())
        };
        Listener::of(value).map_err(|failure| failure.to_string())
    }

    #[test]
    fn the_listener_is_that_of_the_service_in_the_container() {
        let listener = of(&[
            ("WORKER_ADMIN_LISTEN", "127.0.0.1:8090"),
            ("WORKER_ADMIN_TOKEN_FILE", "/run/secrets/admin_token"),
        ]);
        let listener = listener.unwrap();
        assert_eq!(listener.url.as_str(), "http://127.0.0.1:8090/");
        assert_eq!(
            listener.token_file.to_str(),
            Some("/run/secrets/admin_token")
        );
    }

    #[test]
    fn a_service_without_a_listener_is_told_how_to_have_one() {
        for none in [&[][..], &[("VOTE_APP_ADMIN_LISTEN", "")]] {
            let told = of(none).unwrap_err();
            assert!(
                told.contains("VOTEOPS_ADMIN_LISTEN=127.0.0.1:8090"),
                "{told}"
            );
        }
        let told = of(&[("VOTE_APP_ADMIN_LISTEN", "127.0.0.1:1")]).unwrap_err();
        assert!(told.contains("token"), "{told}");
    }
}
