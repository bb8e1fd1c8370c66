//! Several processes over one PostgreSQL database behave like one.

use std::collections::BTreeSet;
use std::path::Path;

use earmark_servers::postgres::Postgres;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{Server, done, run, text};

/// A database, and a folder for each node's views.
struct Nodes {
    postgres: Postgres,
    url: String,
    folders: TempDir,
}

impl Nodes {
    fn new() -> Self {
        let postgres = Postgres::start(&[]).unwrap();
        let url = postgres.database("shop").unwrap();
        Self { postgres, url, folders: tempfile::tempdir().unwrap() }
    }

    fn start(&self, name: &str, more: &[&str]) -> Server {
        let folder = self.folders.path().join(name);
        let mut arguments = vec!["serve", "--listen", "127.0.0.1:0", "--data", text(&folder)];
        arguments.extend(["--store", &self.url, "--log", "error"]);
        arguments.extend(more);
        Server::begin(&arguments)
    }

    fn verified(&self) -> Value {
        let folder = self.folders.path().join("verify");
        let arguments = ["verify", "--store", &self.url, "--data", text(&folder), "--json"];
        done(&arguments).json()
    }

    /// Every event of a partition: its type and number.
    fn events(&self, partition: usize) -> Vec<(String, u64)> {
        let folder = self.folders.path().join("log");
        let partition = partition.to_string();
        let arguments = ["log", "--store", &self.url, "--data", text(&folder), "--json"];
        let out = done(&[&arguments[..], &["--partition", &partition]].concat()).out;
        let event = |line: &str| {
            let event: Value = serde_json::from_str(line).unwrap();
            (event["type"].as_str().unwrap().to_owned(), event["sequence"].as_u64().unwrap())
        };
        out.lines().map(event).collect()
    }
}

fn batch(server: &Server, sku: &str, quantity: u32) {
    let body = json!({"reference": format!("b-{sku}"), "sku": sku, "quantity": quantity});
    let (status, told) = server.post("/v1/batches", &body.to_string());
    assert_eq!(status, 201, "{told}");
}

fn allocate(server: &Server, order: &str, sku: &str) -> (u16, String) {
    let body = json!({"order_id": order, "sku": sku, "quantity": 1});
    server.post("/v1/allocations", &body.to_string())
}

#[test]
fn a_read_on_any_node_sees_every_answered_write_of_any_other() {
    let nodes = Nodes::new();
    let servers: Vec<Server> = (0..2).map(|n| nodes.start(&format!("n{n}"), &[])).collect();
    batch(&servers[0], "CLOCK", 1_000);
    for turn in 0..60 {
        let (here, there) = (&servers[turn % 2], &servers[(turn + 1) % 2]);
        let order = format!("o-{turn}");
        assert_eq!(allocate(here, &order, "CLOCK").0, 201);
        let (status, told) = there.get(&format!("/v1/orders/{order}/allocations"));
        assert_eq!(status, 200, "{told}");
        let (_, stock) = there.get("/v1/stock/CLOCK");
        let stock: Value = serde_json::from_str(&stock).unwrap();
        assert_eq!(stock["allocated"], json!(turn + 1));
    }
    for server in servers {
        assert_eq!(server.stop(), 0);
    }
    assert_eq!(nodes.verified()[0]["service"], json!("allocation"));
}

#[test]
fn the_same_request_to_any_node_has_one_effect_and_the_same_answer() {
    let nodes = Nodes::new();
    let servers: Vec<Server> = (0..2).map(|n| nodes.start(&format!("n{n}"), &[])).collect();
    batch(&servers[0], "VASE", 10);
    let (status, first) = allocate(&servers[0], "o1", "VASE");
    assert_eq!(status, 201);
    let (_, again) = allocate(&servers[1], "o1", "VASE");
    assert_eq!(first, again, "the same line is the same promise");
    let (_, stock) = servers[1].get("/v1/stock/VASE");
    assert!(stock.contains("\"allocated\":1"), "{stock}");
}

#[test]
fn many_nodes_never_sell_a_unit_twice_and_numbers_have_no_gap() {
    const STOCK: u32 = 40;
    for (nodes_count, partitions) in [(2, "1"), (4, "4")] {
        let nodes = Nodes::new();
        let start = |n| nodes.start(&format!("n{n}"), &["--partitions", partitions]);
        let servers: Vec<Server> = (0..nodes_count).map(start).collect();
        batch(&servers[0], "HOT", STOCK);
        for n in 0..8 {
            batch(&servers[n % nodes_count], &format!("SKU-{n}"), 20);
        }
        let placed: usize = std::thread::scope(|scope| {
            let askers = (0..6).map(|asker| {
                let server = &servers[asker % nodes_count];
                scope.spawn(move || {
                    let ask = |turn: usize| {
                        let order = format!("o-{asker}-{turn}");
                        let sku = format!("SKU-{}", (asker * 3 + turn) % 8);
                        assert_eq!(allocate(server, &format!("u{order}"), &sku).0 / 100, 2);
                        usize::from(allocate(server, &order, "HOT").0 == 201)
                    };
                    (0..10).map(ask).sum::<usize>()
                })
            });
            askers.collect::<Vec<_>>().into_iter().map(|it| it.join().unwrap()).sum()
        });
        assert_eq!(placed, STOCK as usize, "all that there is, and no more");
        for server in servers {
            assert_eq!(server.stop(), 0);
        }
        let count = partitions.parse().unwrap();
        for partition in 0..count {
            let numbers: Vec<u64> = nodes.events(partition).iter().map(|(_, seq)| *seq).collect();
            assert!(numbers.iter().copied().eq(1..=numbers.len() as u64), "{numbers:?}");
        }
        nodes.verified();
    }
}

#[test]
fn a_killed_node_is_replaced_by_the_others() {
    let nodes = Nodes::new();
    let stays = nodes.start("stays", &[]);
    batch(&stays, "LAMP", 1_000);
    let mut orders = BTreeSet::new();
    for kill in 0..3 {
        let mut killed = nodes.start("killed", &[]);
        for turn in 0..10 {
            let order = format!("o-{kill}-{turn}");
            assert_eq!(allocate(&killed, &order, "LAMP").0, 201);
            orders.insert(order);
        }
        killed.child.kill().unwrap();
        killed.child.wait().unwrap();
        let order = format!("o-{kill}-after");
        assert_eq!(allocate(&stays, &order, "LAMP").0, 201);
        orders.insert(order);
    }
    for order in &orders {
        assert_eq!(stays.get(&format!("/v1/orders/{order}/allocations")).0, 200, "{order}");
    }
    assert_eq!(stays.stop(), 0);
    nodes.verified();
}

#[test]
fn an_unusable_store_is_reported_with_advice_and_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let data = text(folder.path());
    let said = run(&["verify", "--data", data, "--store", "postgres://me:secret@127.0.0.1:1/x"]);
    assert_eq!(said.code, 1);
    assert!(!said.err.contains("secret"), "{}", said.err);
    insta::assert_snapshot!(said.complaint(), @"× cannot reach the store at postgres://127.0.0.1:1/x: error connecting to server: Connection refused (os error 111) help: Check that the server runs and accepts this machine, user and database. `earmark doctor --store …` checks it again.");
    let said = run(&["verify", "--data", data, "--store", "mysql://me:secret@127.0.0.1/x"]);
    assert_eq!(said.code, 2);
    insta::assert_snapshot!(said.complaint(), @"× the address of the store cannot be read: it does not begin with postgres:// help: Write it as postgres://user:password@host:5432/database.");
}

#[test]
fn a_different_number_of_partitions_is_refused() {
    let nodes = Nodes::new();
    assert_eq!(nodes.start("n", &["--partitions", "3"]).stop(), 0);
    let folder = nodes.folders.path().join("n");
    let said = run(&["stock", "--store", &nodes.url, "--data", text(&folder), "--partitions", "2"]);
    insta::assert_snapshot!(said.complaint(), @"× the store was created with 3 partitions, which cannot be changed to 2: omit the setting, or create a new store and import the data");
    let data = nodes.folders.path().join("sqlite");
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data", text(&data), "--partitions", "2"];
    let server = Server::begin(&serve);
    for n in 0..4 {
        batch(&server, &format!("S{n}"), 5);
    }
    assert_eq!(server.stop(), 0);
    assert!(data.join("allocation-1.log.db").is_file());
    done(&["verify", "--data", text(&data)]);
    assert_eq!(run(&["verify", "--data", text(&data), "--partitions", "1"]).code, 1);
}

#[test]
fn the_doctor_checks_the_store() {
    let nodes = Nodes::new();
    let folder = nodes.folders.path().join("doctor");
    let doctor = ["doctor", "--store", &nodes.url, "--data", text(&folder), "--json"];
    let found = done(&doctor).json();
    assert_eq!(found[3]["what"], json!("store"));
    assert_eq!(found[3]["verdict"], json!("ok"), "{found}");
    assert!(found[3]["found"].as_str().unwrap().contains("has durable settings"));
    nodes.postgres.sql("shop", "ALTER DATABASE shop SET synchronous_commit = local").unwrap();
    let said = run(&doctor);
    assert_eq!(said.code, 1);
    let found = said.json();
    let weak = "the server has synchronous_commit = local";
    assert!(found[3]["found"].as_str().unwrap().contains(weak), "{found}");
}

#[test]
fn a_backup_works_while_a_server_uses_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (data, copy): (&Path, _) = (&folder.path().join("data"), folder.path().join("copy"));
    let server = Server::on(data);
    batch(&server, "CHAIR", 5);
    assert_eq!(allocate(&server, "o1", "CHAIR").0, 201);
    done(&["db", "backup", text(&copy), "--data", text(data)]);
    assert_eq!(allocate(&server, "o2", "CHAIR").0, 201);
    let copied = done(&["verify", "--data", text(&copy), "--json"]).json();
    assert_eq!(server.stop(), 0);
    let whole = done(&["verify", "--data", text(data), "--json"]).json();
    assert!(copied[0]["events"].as_u64().unwrap() < whole[0]["events"].as_u64().unwrap());
    assert_eq!(run(&["db", "backup", text(&copy), "--data", text(data)]).code, 1, "it is there");
}
