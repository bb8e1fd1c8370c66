//! Encrypted connections to other servers, as the doctor checks them.

use std::path::Path;

use earmark_servers::certificates::Authority;
use earmark_servers::redis::Redis;

use crate::program::{Said, program, text};

/// The doctor's verdict and text about Redis.
fn found(url: &str, settings: &[(&str, &Path)]) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["doctor", "--json", "--listen", "127.0.0.1:0", "--data", text(folder.path())];
    let mut doctor = program(&arguments);
    doctor.env("EARMARK_REDIS_URL", url).env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR");
    doctor.envs(settings.iter().copied());
    let findings = Said::of(&mut doctor).json();
    let redis = findings.as_array().unwrap().iter().find(|it| it["what"] == "Redis").unwrap();
    let word = |name: &str| redis[name].as_str().unwrap().to_owned();
    (word("verdict"), word("found"))
}

#[test]
fn redis_is_reached_over_tls_if_its_authority_is_trusted() {
    let authority = Authority::new().unwrap();
    let certificate = authority.certify("DNS:localhost,IP:127.0.0.1").unwrap();
    let redis = Redis::start_encrypted(&certificate).unwrap();
    let file = authority.file();
    for host in ["127.0.0.1", "localhost"] {
        let url = redis.encrypted_url(host).unwrap();
        for name in ["SSL_CERT_FILE", "EARMARK_REDIS_CA_FILE"] {
            let (verdict, said) = found(&url, &[(name, &file)]);
            assert_eq!(verdict, "ok", "{name}: {said}");
        }
    }
}

#[test]
fn redis_is_not_used_if_its_certificate_is_refused() {
    let (authority, another) = (Authority::new().unwrap(), Authority::new().unwrap());
    let certificate = authority.certify("DNS:localhost").unwrap();
    let redis = Redis::start_encrypted(&certificate).unwrap();
    let url = |host| redis.encrypted_url(host).unwrap();
    for name in ["SSL_CERT_FILE", "EARMARK_REDIS_CA_FILE"] {
        let (verdict, said) = found(&url("localhost"), &[(name, &another.file())]);
        assert_eq!(verdict, "fail", "{said}");
        assert!(said.contains("UnknownIssuer"), "{said}");
        assert!(said.contains("name its authority's file with [redis] ca_file"), "{said}");
        let (verdict, said) = found(&url("127.0.0.1"), &[(name, &authority.file())]);
        assert_eq!(verdict, "fail", "{said}");
        assert!(said.contains("use the host name for which the certificate is valid"), "{said}");
    }
}

#[test]
fn a_ca_file_without_certificates_is_refused() {
    let (folder, url) = (tempfile::tempdir().unwrap(), "rediss://127.0.0.1:1");
    let (empty, none) = (folder.path().join("empty.pem"), folder.path().join("none.pem"));
    std::fs::write(&empty, "").unwrap();
    for (url, file, why) in [
        (url, &empty, "contains no certificates"),
        (url, &none, "cannot read"),
        ("redis://127.0.0.1:1", &empty, "requires an address with rediss://"),
    ] {
        let arguments = ["doctor", "--data", text(folder.path())];
        let file = file.as_path();
        let settings = [("EARMARK_REDIS_URL", Path::new(url)), ("EARMARK_REDIS_CA_FILE", file)];
        let said = Said::of(program(&arguments).envs(settings));
        assert_eq!(said.code, 2, "{said:?}");
        assert!(said.complaint().contains(why), "{said:?}");
    }
}
