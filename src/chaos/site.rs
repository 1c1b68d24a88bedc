//! Where an alert is proven: on a stack of `voteops up`, on one that Compose runs, or by servers that are named.

use url::Url;
use voteops_chaos::catalogue::Entry;
use voteops_chaos::faults::Plan;
use voteops_chaos::listeners;
use voteops_chaos::verify::{Delivery, Manager, Voting};
use voteops_ledger::Ledger;
use voteops_local::StackFile;
use voteops_local::component::Kind;
use voteops_observability::access::{Access, Login, Secret};
use voteops_observability::alertmanager::Alertmanager;
use voteops_observability::grafana::Grafana;
use voteops_observability::prometheus::Prometheus;
use voteops_observability::webhook::ReceiverClient;

use super::plan::{self, Planned};
use super::reach::{self, Ground};
use crate::args::{LEDGER_URL, SiteArgs, StackArgs, VerifyArgs, Via, is_typed};
use crate::compose::Compose;
use crate::failure::{CANNOT_ASK, USAGE};
use crate::{Failure, sources};

/// Targets that are named where a stack of `voteops up` runs.
const NAMED_ALONE: &str = "targets are named together with --prometheus and --alertmanager (or --grafana); without \
                           these the alert is proven on the stack that runs";

/// A ledger is named besides that of the stack, which has one.
const OWN_LEDGER: &str = "votes are looked up in the ledger of the stack that runs; leave --ledger out, or name the other \
                          servers, too, with --prometheus";

/// Where an alert is proven.
pub(super) struct Site<'a> {
    pub(super) manager: Manager,
    pub(super) prometheus: Prometheus,
    pub(super) alertmanager: Alertmanager,
    pub(super) delivery: Delivery,
    pub(super) time_scale: f64,
    /// Whether its rules are to be those that are shipped.
    pub(super) is_shipped: bool,
    args: &'a VerifyArgs,
    stack: Option<StackFile>,
    compose: Option<Compose>,
    /// The ledger of the Compose project, where it is reached.
    ledger: Option<String>,
}

/// A fault that is to prove something, and what is known of its targets.
pub(super) struct Means {
    pub(super) planned: Planned,
    /// What Prometheus scrapes of its targets.
    pub(super) touched: Vec<String>,
}

impl<'a> Site<'a> {
    pub(super) fn find(args: &'a VerifyArgs) -> Result<Self, Failure> {
        let site = Self::wherever(args)?;
        let Some(grafana) = grafana(&args.site)? else {
            return Ok(site);
        };
        Ok(Self {
            alertmanager: grafana.alertmanager(),
            manager: Manager::Grafana(grafana),
            ..site
        })
    }

    /// The site with whoever manages its rules by default: Prometheus.
    fn wherever(args: &'a VerifyArgs) -> Result<Self, Failure> {
        let SiteArgs {
            prometheus,
            alertmanager,
            grafana,
            ..
        } = &args.site;
        let notifies = alertmanager.as_ref().or(grafana.as_ref());
        if let (Some(prometheus), Some(alertmanager)) = (prometheus, notifies) {
            let usage = |error| Failure::from(error).with_code(USAGE);
            let receiver = args.site.receiver.as_ref().map(ReceiverClient::new);
            let receiver = receiver.transpose().map_err(usage)?;
            return Ok(Self {
                manager: Manager::Prometheus,
                prometheus: Prometheus::new(prometheus).map_err(usage)?,
                alertmanager: Alertmanager::new(alertmanager).map_err(usage)?,
                delivery: receiver.map_or(Delivery::Alertmanager, Delivery::Receiver),
                time_scale: args.site.time_scale,
                is_shipped: false,
                args,
                stack: None,
                compose: None,
                ledger: None,
            });
        }
        match StackFile::find(args.stack.data_dir.as_deref()) {
            Ok(_) if reach::is_named(&args.reach) => Err(Failure::new(USAGE, NAMED_ALONE)),
            Ok(stack) => Self::of_stack(stack, args),
            Err(error) => {
                let is_none = matches!(error, voteops_local::Error::NoStack);
                let none = Failure::from(error).with_code(CANNOT_ASK);
                if !is_none {
                    return Err(none);
                }
                Self::of_compose(sources::compose_or(none)?, args)
            }
        }
    }

    fn of_compose(compose: Compose, args: &'a VerifyArgs) -> Result<Self, Failure> {
        let ledger = match compose.ledger() {
            Ok(url) => Some(url.to_string()),
            Err(_) if args.site.ledger.is_some() => None,
            Err(failure) => {
                eprintln!(
                    "voteops: {failure}; votes are not looked up there unless --ledger names it"
                );
                None
            }
        };
        Ok(Self {
            manager: Manager::Prometheus,
            prometheus: Prometheus::new(&compose.prometheus()?)?,
            alertmanager: Alertmanager::new(&compose.alertmanager()?)?,
            delivery: match compose.receiver() {
                Some(receiver) => Delivery::Receiver(ReceiverClient::new(&receiver)?),
                None => Delivery::Alertmanager,
            },
            time_scale: compose.time_scale(),
            is_shipped: true,
            args,
            stack: None,
            compose: Some(compose),
            ledger,
        })
    }

    fn of_stack(stack: StackFile, args: &'a VerifyArgs) -> Result<Self, Failure> {
        let named = args.site.ledger.as_ref();
        if named.is_some_and(|named| is_typed(named, LEDGER_URL)) {
            return Err(Failure::new(USAGE, OWN_LEDGER));
        }
        let lacking = |what: &str| Failure::new(CANNOT_ASK, format!("the stack has no {what}"));
        let found = sources::of_stack(&stack)?.sources;
        let webhook = stack.url(Kind::Webhook);
        let webhook = webhook.ok_or_else(|| lacking("webhook receiver"))?;
        Ok(Self {
            manager: Manager::Prometheus,
            prometheus: found.prometheus,
            alertmanager: found.alertmanager.ok_or_else(|| lacking("Alertmanager"))?,
            delivery: Delivery::Receiver(ReceiverClient::new(&webhook)?),
            time_scale: stack.time_scale,
            is_shipped: true,
            args,
            stack: Some(stack),
            compose: None,
            ledger: None,
        })
    }

    /// The stack, if it is one of `voteops up`.
    pub(super) fn stack(&self) -> Option<&StackFile> {
        self.stack.as_ref()
    }

    /// A fault on everything that it touches here, as hard as it usually is. Blocks.
    pub(super) fn means(&self, fault: &'static Entry) -> Result<Means, Failure> {
        if let Some(stack) = &self.stack {
            let plan = plan::usual(fault, stack)?;
            return Ok(Means {
                touched: addresses(stack, &plan),
                planned: Planned {
                    there: plan::there(&plan, stack)?,
                    plan,
                    ground: Ground::of(stack.clone()),
                },
            });
        }
        // A stack that runs here by chance is not what is meant.
        let elsewhere = StackArgs {
            data_dir: self.args.stack.data_dir.clone(),
        };
        let mut reach = self.args.reach.clone();
        if let Some(compose) = &self.compose
            && !reach::is_named(&reach)
        {
            reach.via = Some(Via::Docker);
            reach.project = Some(compose.name().to_owned());
        }
        let planned = plan::usual_named(fault, &elsewhere, &reach, self.args.site.redis.as_ref())?;
        let mut touched = listeners::addresses(planned.plan.targets());
        touched.extend(self.args.site.scraped.iter().cloned());
        Ok(Means { planned, touched })
    }

    /// The votes that can be cast here.
    pub(super) fn voting(&self) -> Result<Option<Voting>, Failure> {
        let choices = super::CHOICES.map(str::to_owned).into();
        if let Some(stack) = &self.stack {
            return Ok(Some(Voting {
                vote_apps: super::vote_apps(stack),
                choices,
                ledger: Some(Ledger::connect(&stack.ledger_url)?),
            }));
        }
        let site = &self.args.site;
        let gateway = self.compose.as_ref().and_then(Compose::gateway);
        let vote_apps = match gateway {
            Some(gateway) if site.vote_app.is_empty() => vec![gateway],
            _ => site.vote_app.clone(),
        };
        if vote_apps.is_empty() {
            return Ok(None);
        }
        let named = site.ledger.as_ref();
        let ledger = match (named, &self.ledger) {
            // A variable may be of another site.
            (Some(named), Some(own)) if !is_typed(named, LEDGER_URL) => Some(own),
            (named, own) => named.or(own.as_ref()),
        };
        let ledger = ledger.map(|url| Ledger::connect(url)).transpose();
        Ok(Some(Voting {
            vote_apps,
            choices,
            ledger: ledger.map_err(|error| Failure::from(error).with_code(USAGE))?,
        }))
    }
}

/// A client of the Grafana that is named, if one is.
fn grafana(site: &SiteArgs) -> Result<Option<Grafana>, Failure> {
    let Some(url) = &site.grafana else {
        return Ok(None);
    };
    let token = site.grafana_token_file.clone().map(Secret::File);
    let access = Access {
        login: token.map(Login::Bearer),
        ..Access::default()
    };
    let grafana = Grafana::with_access(url, &access);
    Ok(Some(
        grafana.map_err(|error| Failure::from(error).with_code(USAGE))?,
    ))
}

/// What Prometheus scrapes of a plan's targets, by the addresses of the stack's components.
fn addresses(stack: &StackFile, plan: &Plan) -> Vec<String> {
    let names: Vec<_> = plan.targets().iter().map(|target| &target.name).collect();
    let touched = stack
        .components
        .iter()
        .filter(|component| names.contains(&&component.name));
    let touched = touched.filter_map(|component| address(component.url.as_deref()?));
    touched.collect()
}

/// `host:port` of an address.
fn address(url: &str) -> Option<String> {
    let url: Url = url.parse().ok()?;
    Some(format!(
        "{}:{}",
        url.host_str()?,
        url.port_or_known_default()?
    ))
}

/// No targets are named where there have to be.
pub(super) fn require_named(args: &VerifyArgs) -> Result<(), Failure> {
    let elsewhere = args.site.prometheus.is_some();
    if elsewhere && !reach::is_named(&args.reach) {
        return Err(Failure::new(
            USAGE,
            "with --prometheus, name the targets of the fault: --pid, --unit, --container, --service, \
             --label or --via docker",
        ));
    }
    Ok(())
}
