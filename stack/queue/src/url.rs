//! Addresses of Redis: one server, Sentinels, or a cluster.

use redis::{ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo, parse_redis_url};

/// What a URL may look like, for messages.
const EXPECTED: &str = "a Redis URL reads redis://HOST:PORT, redis+sentinel://HOST:PORT,.../MASTER or \
    redis+cluster://HOST:PORT,..., with rediss in place of redis for TLS";

const REDIS_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// A host and a port.
pub(crate) type Node = (String, u16);

/// What a URL names.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) kind: Kind,
    /// The server, the Sentinels, or some of the cluster; at least one.
    pub(crate) nodes: Vec<Node>,
    pub(crate) is_tls: bool,
    pub(crate) login: RedisConnectionInfo,
    /// How to log in to Sentinels.
    pub(crate) sentinel_login: RedisConnectionInfo,
}

/// How the server with the queue is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Single,
    Sentinel { master: String },
    Cluster,
}

impl Target {
    /// The error says what is wrong and what would be right.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        Self::read(url).map_err(|reason| match reason {
            "" => EXPECTED.to_owned(),
            reason => format!("{reason}; {EXPECTED}"),
        })
    }

    fn read(url: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = url.split_once("://").ok_or("")?;
        let (base, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        let is_tls = match base {
            "redis" => false,
            "rediss" => true,
            _ => return Err(""),
        };
        if rest.contains('#') {
            return Err("it has a fragment (# in a password reads %23)");
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (login, rest) = match rest.rsplit_once('@') {
            Some((login, rest)) => (format!("{login}@"), rest),
            None => (String::new(), rest),
        };
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (kind, db, default_port) = match kind {
            "" if base == scheme => (Kind::Single, path, REDIS_PORT),
            "sentinel" => {
                let (master, db) = path.split_once('/').unwrap_or((path, ""));
                if master.is_empty() {
                    return Err("it does not name the master that the Sentinels watch");
                }
                let master = master.to_owned();
                (Kind::Sentinel { master }, db, SENTINEL_PORT)
            }
            "cluster" if path.is_empty() => (Kind::Cluster, "", REDIS_PORT),
            "cluster" => return Err("a cluster has no numbered databases"),
            _ => return Err(""),
        };
        if kind == Kind::Single && hosts.contains(',') {
            return Err("it names several hosts, which only Sentinels and a cluster have");
        }
        let hosts: Vec<&str> = hosts.split(',').collect();
        let nodes = hosts.iter().map(|host| node(host, default_port));
        let is_sentinel = matches!(kind, Kind::Sentinel { .. });
        let (sentinel_login, query) = sentinel_login(query, is_sentinel)?;
        Ok(Self {
            nodes: nodes.collect::<Result<_, _>>()?,
            login: settings(&format!("redis://{login}{}/{db}{query}", hosts[0]))?,
            kind,
            is_tls,
            sentinel_login,
        })
    }
}

fn node(host: &str, default_port: u16) -> Result<Node, &'static str> {
    let url = format!("redis://{host}");
    let port = parse_redis_url(&url).and_then(|url| url.port());
    let info = url.into_connection_info();
    match info
        .map_err(|_| "it has a host or a port that is none")?
        .addr()
    {
        ConnectionAddr::Tcp(host, _) => Ok((host.clone(), port.unwrap_or(default_port))),
        _ => Err(""),
    }
}

fn settings(url: &str) -> Result<RedisConnectionInfo, &'static str> {
    let info = url
        .into_connection_info()
        .map_err(|_| "it has a user, a password or a database that cannot be read")?;
    // What names the client costs a command that an ACL would have to allow.
    Ok(info.redis_settings().clone().set_skip_set_lib_name())
}

/// Takes the Sentinels' login out of a query; gives what is left of it, with its question mark.
fn sentinel_login(
    query: &str,
    is_sentinel: bool,
) -> Result<(RedisConnectionInfo, String), &'static str> {
    let (mut user, mut password, mut others) = ("", "", String::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sentinel_user", value)) if is_sentinel => user = value,
            Some(("sentinel_password", value)) if is_sentinel => password = value,
            Some(("protocol", _)) => others = format!("?{pair}"),
            _ => return Err("its query has a name that is not known"),
        }
    }
    let login = match (user, password) {
        ("", "") => String::new(),
        (user, password) => format!("{user}:{password}@"),
    };
    Ok((settings(&format!("redis://{login}sentinel"))?, others))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Target {
        Target::parse(url).unwrap()
    }

    fn nodes(target: &Target) -> Vec<(&str, u16)> {
        let nodes = target.nodes.iter();
        nodes.map(|(host, port)| (host.as_str(), *port)).collect()
    }

    #[test]
    fn one_server_is_named_as_everywhere() {
        let target = parse("rediss://ann:p%40ss@[::1]:7000/3");
        assert_eq!((target.kind.clone(), target.is_tls), (Kind::Single, true));
        assert_eq!(nodes(&target), [("::1", 7000)]);
        assert_eq!(target.login.username(), Some("ann"));
        assert_eq!(target.login.password(), Some("p@ss"));
        assert_eq!(target.login.db(), 3);
        assert_eq!(nodes(&parse("redis://db")), [("db", 6379)]);
        assert_eq!(parse("redis://:pw@db").login.username(), None);
    }

    #[test]
    fn sentinels_have_a_master_and_a_login_of_their_own() {
        let target = parse(
            "redis+sentinel://ann:pw@a,b:5,[::1]/votes/2?sentinel_user=s&sentinel_password=q%26",
        );
        let master = "votes".to_owned();
        assert_eq!(target.kind, Kind::Sentinel { master });
        assert_eq!(nodes(&target), [("a", 26379), ("b", 5), ("::1", 26379)]);
        assert_eq!((target.login.db(), target.is_tls), (2, false));
        assert_eq!(target.login.username(), Some("ann"));
        assert_eq!(target.sentinel_login.username(), Some("s"));
        assert_eq!(target.sentinel_login.password(), Some("q&"));
        let without = parse("redis+sentinel://ann:pw@a/votes");
        assert_eq!(without.sentinel_login.password(), None);
    }

    #[test]
    fn a_cluster_is_named_by_some_of_its_nodes() {
        let target = parse("rediss+cluster://ann:pw@a:1,b");
        assert_eq!((target.kind.clone(), target.is_tls), (Kind::Cluster, true));
        assert_eq!(nodes(&target), [("a", 1), ("b", 6379)]);
    }

    #[test]
    fn what_is_no_address_is_told_with_the_way_out() {
        for (bad, reason) in [
            ("localhost", ""),
            ("http://db", ""),
            ("redis+ring://db", ""),
            ("redis+://db", ""),
            ("rediss://db#insecure", "fragment"),
            ("redis://a,b", "several hosts"),
            ("redis://", "a host or a port that is none"),
            ("redis://db:port", "a host or a port that is none"),
            ("redis://db/x", "a database that cannot be read"),
            ("redis+sentinel://a,b", "does not name the master"),
            ("redis+sentinel://a,/votes", "a host or a port that is none"),
            ("redis+cluster://a/1", "no numbered databases"),
            ("redis://db?sentinel_user=s", "its query"),
            ("redis://db?tls=1", "its query"),
        ] {
            let told = Target::parse(bad).unwrap_err();
            assert!(told.contains(reason), "{bad}: {told}");
            assert!(told.contains("redis://HOST:PORT"), "{bad}: {told}");
        }
    }
}
