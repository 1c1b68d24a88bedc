//! A cluster of three nodes, one of which has a replica.

use std::io::{Error, Result};

use redis::{RedisResult, Value};

use super::{RedisServer, free_port, wait_for};

/// The last slot of each node, all of them in all.
const LAST_SLOTS: [u16; 3] = [5460, 10922, 16383];

/// How long a node may be silent before the others take it for dead: a busy machine makes it so too.
const NODE_TIMEOUT_MS: &str = "3000";

/// Three nodes, and a replica of the one that has the queue.
#[derive(Debug)]
pub struct Cluster {
    /// The nodes; the queue is at [`Cluster::owner`] at first.
    pub nodes: Vec<RedisServer>,
    /// The replica of that node.
    pub replica: RedisServer,
    /// The slot of the queue's keys.
    pub slot: u16,
    /// Which of the nodes has it at first.
    pub owner: usize,
}

impl Cluster {
    /// Starts all of them, and waits until they are one cluster.
    ///
    /// # Errors
    /// When one of them does not come up, or they do not come together.
    pub fn start() -> Result<Self> {
        let mut buses = Vec::new();
        let mut node = || -> Result<RedisServer> {
            let bus = free_port()?.to_string();
            let server = RedisServer::start_with(&[
                "--cluster-enabled",
                "yes",
                "--cluster-node-timeout",
                NODE_TIMEOUT_MS,
                "--cluster-port",
                &bus,
            ])?;
            buses.push(bus);
            Ok(server)
        };
        let nodes = (0..LAST_SLOTS.len()).map(|_| node());
        let nodes = nodes.collect::<Result<Vec<_>>>()?;
        let replica = node()?;
        let mut first = 0;
        for (node, last) in nodes.iter().zip(LAST_SLOTS) {
            let range = [first.to_string(), last.to_string()];
            ask(node, &["ADDSLOTSRANGE", &range[0], &range[1]])?;
            first = last + 1;
        }
        for (other, bus) in nodes.iter().chain([&replica]).zip(&buses).skip(1) {
            let port = other.port().to_string();
            ask(&nodes[0], &["MEET", "127.0.0.1", &port, bus])?;
        }
        let slot: u16 = parsed(ask(&nodes[0], &["KEYSLOT", "votes"])?)?;
        let owner = LAST_SLOTS.iter().position(|last| slot <= *last);
        let all = Self {
            nodes,
            replica,
            slot,
            owner: owner.unwrap_or(0),
        };
        all.come_together()?;
        Ok(all)
    }

    /// The URL of the cluster: of all its nodes, of which any may be away.
    #[must_use]
    pub fn url(&self) -> String {
        let nodes = self.nodes.iter().chain([&self.replica]);
        let hosts: Vec<_> = nodes
            .map(|node| format!("127.0.0.1:{}", node.port()))
            .collect();
        format!("redis+cluster://{}", hosts.join(","))
    }

    /// Gives the queue's slot with all that is in it to another node, as `redis-cli --cluster reshard`
    /// does; tells which.
    ///
    /// # Errors
    /// When a node refuses.
    pub fn move_queue(&self) -> Result<usize> {
        let other = (self.owner + 1) % self.nodes.len();
        let (from, to) = (&self.nodes[self.owner], &self.nodes[other]);
        let (slot, port) = (self.slot.to_string(), to.port().to_string());
        let ids: [String; 2] = [parsed(ask(from, &["MYID"])?)?, parsed(ask(to, &["MYID"])?)?];
        ask(to, &["SETSLOT", &slot, "IMPORTING", &ids[0]])?;
        ask(from, &["SETSLOT", &slot, "MIGRATING", &ids[1]])?;
        loop {
            let keys: Vec<Vec<u8>> = parsed(ask(from, &["GETKEYSINSLOT", &slot, "100"])?)?;
            if keys.is_empty() {
                break;
            }
            for key in keys {
                let words: [&[u8]; 6] = [
                    b"MIGRATE",
                    b"127.0.0.1",
                    port.as_bytes(),
                    &key,
                    b"0",
                    b"60000",
                ];
                from.command(&words).map_err(Error::other)?;
            }
        }
        for node in [to, from] {
            ask(node, &["SETSLOT", &slot, "NODE", &ids[1]])?;
        }
        Ok(other)
    }

    fn come_together(&self) -> Result<()> {
        let everybody = || self.nodes.iter().chain([&self.replica]);
        let says = |node: &RedisServer, what: &str| {
            let told: RedisResult<String> = node
                .command(&[b"CLUSTER", b"INFO"])
                .and_then(|told| redis::from_redis_value(told).map_err(Into::into));
            told.is_ok_and(|told| told.contains(what))
        };
        wait_for("the nodes know each other", || {
            everybody().all(|node| says(node, "cluster_known_nodes:4"))
        })?;
        let id: String = parsed(ask(&self.nodes[self.owner], &["MYID"])?)?;
        wait_for("the replica knows its node", || {
            ask(&self.replica, &["REPLICATE", &id]).is_ok()
        })?;
        let owner = &self.nodes[self.owner];
        wait_for("the cluster is well", || {
            everybody().all(|node| says(node, "cluster_state:ok"))
                && owner.info("connected_slaves").is_ok_and(|count| count == 1)
        })
    }
}

fn ask(node: &RedisServer, words: &[&str]) -> Result<Value> {
    let words: Vec<&[u8]> = ["CLUSTER"]
        .iter()
        .chain(words)
        .map(|word| word.as_bytes())
        .collect();
    node.command(&words).map_err(Error::other)
}

fn parsed<T: redis::FromRedisValue>(value: Value) -> Result<T> {
    redis::from_redis_value(value).map_err(Error::other)
}
