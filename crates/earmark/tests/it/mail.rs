//! Emails: kept while no mail server is set, sent once when there is one.

use std::path::Path;
use std::time::Duration;

use earmark_servers::clock::until;
use earmark_servers::smtp::Smtp;
use insta::assert_snapshot;

use crate::program::{Server, done, program, text};

const WAIT_MAX: Duration = Duration::from_secs(30);

fn served(data: &Path, smtp: Option<&Smtp>) -> Server {
    let mut command = program(&["serve", "--listen", "127.0.0.1:0", "--data", text(data)]);
    if let Some(smtp) = smtp {
        command.env("EARMARK_MAIL_SMTP", smtp.url());
    }
    Server::of(command)
}

fn run_out(server: &Server, order: &str) {
    let line = format!(r#"{{"orderid":"{order}","sku":"CHAIR","qty":30}}"#);
    assert_eq!(server.post("/allocate", &line).0, 201);
}

#[test]
fn emails_wait_in_the_outbox_and_are_sent_once() {
    let (folder, mut smtp) = (tempfile::tempdir().unwrap(), Smtp::prepare().unwrap());
    let server = served(folder.path(), None);
    server.post("/add_batch", r#"{"ref":"b1","sku":"CHAIR","qty":20,"eta":null}"#);
    run_out(&server, "o1");
    assert_eq!(server.stop(), 0);
    let outbox = ["outbox", "--data", text(folder.path())];
    assert_snapshot!(done(&outbox).out, @"
    ┌──────────────────────────────────────────────────────────────────────────────────────────────┐
    │ to               subject                  text                                               │
    ╞══════════════════════════════════════════════════════════════════════════════════════════════╡
    │ stock@made.com   Out of stock for CHAIR   Order o1, line CHAIR: 30 ordered. It was rejected. │
    └──────────────────────────────────────────────────────────────────────────────────────────────┘
    ");
    // A mail server is set now, but it does not respond yet.
    let server = served(folder.path(), Some(&smtp));
    run_out(&server, "o2");
    smtp.start().unwrap();
    assert!(until(WAIT_MAX, || smtp.received().unwrap().len() == 2));
    run_out(&server, "o3");
    assert!(until(WAIT_MAX, || smtp.received().unwrap().len() == 3));
    assert_eq!(server.stop(), 0);
    assert_snapshot!(done(&outbox).out, @"no emails are waiting");
    let mut server = served(folder.path(), Some(&smtp));
    run_out(&server, "o4");
    assert!(until(WAIT_MAX, || smtp.received().unwrap().len() == 4));
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    // Only the last email can be sent again, with the same Message-ID: its position may not be
    // stored.
    let server = served(folder.path(), Some(&smtp));
    run_out(&server, "o5");
    let emails = || {
        let mut emails = smtp.received().unwrap();
        emails.sort();
        emails.dedup_by_key(|it| message_id(it));
        emails
    };
    assert!(until(WAIT_MAX, || emails().len() == 5), "{:#?}", emails());
    assert_eq!(server.stop(), 0);
    let email = emails().into_iter().find(|it| it.contains("Order o1,")).unwrap();
    let lines = email.lines().filter(|it| !it.starts_with("X-") && !it.starts_with("Date"));
    let lines: Vec<&str> = lines.filter(|it| !it.starts_with("Message-ID")).collect();
    assert_snapshot!(lines.join("\n"), @"
    From: earmark@localhost
    To: stock@made.com
    Subject: Out of stock for CHAIR
    Content-Type: text/plain; charset=utf-8
    Content-Transfer-Encoding: 7bit

    Out of stock for CHAIR

    Order o1, line CHAIR: 30 ordered. It was rejected.
    ");
    assert!(message_id(&email).is_some_and(|it| it.ends_with("@localhost>")), "{email}");
}

fn message_id(email: &str) -> Option<String> {
    email.lines().find(|it| it.starts_with("Message-ID")).map(str::to_owned)
}
