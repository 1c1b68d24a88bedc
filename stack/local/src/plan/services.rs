//! The services of our own: this very program under other arguments.

use std::ffi::OsString;

use super::{Builder, Spec, http, local_url};
use crate::component::Kind;
use crate::health::Check;

impl Builder<'_> {
    pub(super) fn vote_apps(&self, ledger_url: &str) -> impl Iterator<Item = Spec> {
        let ports = self.layout.vote_apps.iter();
        let ports = ports.zip(&self.layout.vote_app_admins).enumerate();
        ports.map(move |(index, (port, admin))| {
            let name = format!("vote-app-{}", index + 1);
            let env = vec![("VOTE_APP_LEDGER_URL", ledger_url.to_owned())];
            self.service(name, Kind::VoteApp, (*port, *admin), env)
        })
    }

    pub(super) fn workers(&self, ledger_url: &str) -> impl Iterator<Item = Spec> {
        let ports = self.layout.workers.iter();
        let ports = ports.zip(&self.layout.worker_admins).enumerate();
        ports.map(move |(index, (port, admin))| {
            let name = format!("worker-{}", index + 1);
            let env = vec![("WORKER_LEDGER_URL", ledger_url.to_owned())];
            self.service(name, Kind::Worker, (*port, *admin), env)
        })
    }

    /// A service of our own, run by this very program. The ledger's address goes through the
    /// environment, since it may hold a password, and the admin listener's token through a file:
    /// arguments are for everyone to see.
    fn service(
        &self,
        name: String,
        kind: Kind,
        (port, admin): (u16, u16),
        env: Vec<(&'static str, String)>,
    ) -> Spec {
        let url = local_url(port);
        let service = if kind == Kind::Worker {
            "worker"
        } else {
            "vote-app"
        };
        let mut token_file = OsString::from("--admin-token-file=");
        token_file.push(self.admin_token_file);
        let args = [
            "internal".into(),
            service.into(),
            format!("--listen=127.0.0.1:{port}").into(),
            format!("--redis-url={}", self.redis_url()).into(),
            format!("--instance={name}").into(),
            format!("--admin-listen=127.0.0.1:{admin}").into(),
            token_file,
        ];
        Spec {
            name,
            kind,
            stage: 1,
            required: true,
            program: self.voteops.to_owned(),
            args: args.into(),
            env,
            check: http(&url, "readyz", ""),
            url: Some(url),
            admin_url: Some(local_url(admin)),
        }
    }

    pub(super) fn voters(&self) -> Option<Spec> {
        if self.options.votes_per_second <= 0.0 {
            return None;
        }
        let rate = format!("--rate={}", self.options.votes_per_second);
        let urls = self
            .layout
            .vote_apps
            .iter()
            .map(|port| format!("--url={}", local_url(*port)));
        let args = ["internal".into(), "voters".into(), rate]
            .into_iter()
            .chain(urls);
        Some(Spec {
            name: "voters".into(),
            kind: Kind::Voters,
            stage: 2,
            required: true,
            program: self.voteops.to_owned(),
            args: args.map(OsString::from).collect(),
            env: Vec::new(),
            url: None,
            admin_url: None,
            check: Check::Running,
        })
    }
}
