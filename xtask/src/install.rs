//! Installs the programs that a task needs and the machine does not have.
//!
//! Each installation is announced. A program that is there is used as it is.

use crate::build::rustc::Rustc;
use crate::error::CliError;
use crate::workspace;
use std::env;
use std::path::PathBuf;
use std::process::Command;

/// A program, and the Debian packages that contain it.
struct Program {
    name: &'static str,
    packages: &'static [&'static str],
}

/// For all tasks: `tidy` asks git for the list of files. A C compiler, which SQLite needs, is not
/// in the list: without one this program could not have been linked.
const ALL_TASKS: [Program; 1] = [Program { name: "git", packages: &["git"] }];

/// Servers that the tests start, and openssl for their certificates. `pg_createcluster` stands for
/// PostgreSQL, whose own programs Debian keeps out of the PATH.
const TESTS: [Program; 5] = [
    Program { name: "openssl", packages: &["openssl"] },
    Program { name: "pg_createcluster", packages: &["postgresql"] },
    Program { name: "pgbouncer", packages: &["pgbouncer"] },
    Program { name: "redis-server", packages: &["redis-server"] },
    Program { name: "aiosmtpd", packages: &["python3-aiosmtpd"] },
];

/// What the benchmark compares Earmark with, and valgrind, which counts instructions.
const BENCH: [Program; 3] = [
    Program { name: "redis-server", packages: &["redis-server", "redis-tools"] },
    Program { name: "valgrind", packages: &["valgrind"] },
    Program { name: "pgbench", packages: &["postgresql", "postgresql-contrib"] },
];

/// Subcommands of cargo that rustup does not install, each in a version that is known to work.
const CARGO: [(&str, &str); 2] = [("cargo-deny", "0.20.2"), ("cargo-nextest", "0.9.143")];

pub fn for_all_tasks() -> Result<(), CliError> {
    install_missing(&ALL_TASKS)
}

pub fn for_tests() -> Result<(), CliError> {
    for_all_tasks()?;
    install_missing(&TESTS)
}

pub fn for_bench() -> Result<(), CliError> {
    for_all_tasks()?;
    install_missing(&BENCH)
}

fn install_missing(programs: &[Program]) -> Result<(), CliError> {
    let packages = missing(programs, is_there);
    if packages.is_empty() {
        return Ok(());
    }
    install(&packages)
}

fn install(packages: &[&str]) -> Result<(), CliError> {
    let list = packages.join(" ");
    if !is_root()? {
        return Err(CliError::new(format!(
            "Debian packages are missing and only root may install them: run `apt-get install \
             {list}` as root, then this command again"
        )));
    }
    println!("installing from Debian: {list}");
    workspace::run(&mut apt_get(&["update", "-q"]))?;
    let mut install = apt_get(&["install", "-y", "-q", "--no-install-recommends"]);
    workspace::run(install.args(packages))
}

/// LLVM's tool for profiles, in the version that reads what this rustc writes: from rustup if it is
/// installed there, else from Debian.
pub fn llvm_profdata(rustc: &Rustc) -> Result<PathBuf, CliError> {
    let own = rustc.tools.join("llvm-profdata");
    if own.is_file() {
        return Ok(own);
    }
    let name = format!("llvm-profdata-{}", rustc.llvm);
    if !is_there(&name) {
        install(&[&format!("llvm-{}", rustc.llvm)]).map_err(|failure| {
            let message = format!("{}; or run `rustup component add llvm-tools`", failure.message);
            CliError { message, ..failure }
        })?;
    }
    Ok(name.into())
}

/// The subcommands of cargo for the tests.
pub fn cargo_tools() -> Result<(), CliError> {
    for (name, version) in CARGO {
        if is_there(name) {
            continue;
        }
        println!("installing {name} {version} from source, which takes some minutes");
        let install = ["install", name, "--locked", "--version", version];
        workspace::run(&mut workspace::cargo(&install))?;
    }
    Ok(())
}

/// A Python program in one version, in a virtual environment below the target folder.
pub fn python_tool(name: &str, version: &str) -> Result<PathBuf, CliError> {
    let folder = workspace::target_dir().join(format!("{name}-{version}"));
    let tool = folder.join("bin").join(name);
    // Written last, so that an interrupted installation starts again.
    let finished = folder.join("installed");
    if finished.is_file() {
        return Ok(tool);
    }
    let has_venv = Command::new("python3").args(["-c", "import ensurepip, venv"]).output();
    if !has_venv.is_ok_and(|output| output.status.success()) {
        install(&["python3", "python3-venv"])?;
    }
    println!("installing {name} {version}");
    workspace::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    let mut pinned = Command::new(folder.join("bin/python"));
    workspace::run(pinned.args(pip).arg(format!("{name}=={version}")))?;
    std::fs::write(&finished, version)
        .map_err(|error| CliError::new(format!("cannot write {}: {error}", finished.display())))?;
    Ok(tool)
}

fn missing(programs: &[Program], is_there: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let missing = programs.iter().filter(|program| !is_there(program.name));
    missing.flat_map(|program| program.packages).copied().collect()
}

fn is_there(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    // Cargo finds its subcommands in this folder even if it is not in the PATH.
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    folders.extend(home.map(|home| home.join("bin")));
    folders.iter().any(|folder| folder.join(name).is_file())
}

fn is_root() -> Result<bool, CliError> {
    Ok(workspace::output(Command::new("id").arg("-u"))?.trim() == "0")
}

fn apt_get(arguments: &[&str]) -> Command {
    let mut apt = Command::new("apt-get");
    apt.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    apt
}

#[cfg(test)]
mod tests {
    use super::{Program, is_there, missing};

    #[test]
    fn only_packages_of_missing_programs_are_installed() {
        let programs = [
            Program { name: "cc", packages: &["gcc", "libc6-dev"] },
            Program { name: "git", packages: &["git"] },
        ];
        assert_eq!(missing(&programs, |_| true), Vec::<&str>::new());
        assert_eq!(missing(&programs, |name| name == "git"), ["gcc", "libc6-dev"]);
        assert_eq!(missing(&programs, |_| false), ["gcc", "libc6-dev", "git"]);
    }

    #[test]
    fn a_program_is_found_in_the_path() {
        assert!(is_there("sh"));
        assert!(!is_there("no-such-program"));
    }
}
