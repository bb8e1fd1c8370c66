//! What the compiler that cargo uses says about itself.

use crate::error::CliError;
use crate::workspace;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The compiler.
#[derive(Debug, PartialEq, Eq)]
pub struct Rustc {
    /// The output of `rustc -vV`.
    pub version: String,
    /// The default target, such as `x86_64-unknown-linux-gnu`.
    pub host: String,
    /// The major version of its LLVM, such as `22`.
    pub llvm: String,
    /// The folder into which rustup installs the tools of that LLVM.
    pub tools: PathBuf,
}

impl Rustc {
    pub fn current() -> Result<Self, CliError> {
        let rustc = env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
        // In the root, which has the file that selects the toolchain.
        let ask = |what: &[&str]| {
            workspace::output(Command::new(&rustc).args(what).current_dir(workspace::root()))
        };
        let (version, sysroot) = (ask(&["-vV"])?, ask(&["--print", "sysroot"])?);
        Self::of(&version, Path::new(sysroot.trim()))
            .ok_or_else(|| CliError::new(format!("rustc names no host or no LLVM:\n{version}")))
    }

    fn of(version: &str, sysroot: &Path) -> Option<Self> {
        let after = |name: &str| version.lines().find_map(|line| line.strip_prefix(name));
        let (host, llvm) = (after("host: ")?, after("LLVM version: ")?);
        let tools = sysroot.join("lib/rustlib").join(host).join("bin");
        let llvm = llvm.split('.').next()?.to_owned();
        Some(Self { version: version.to_owned(), host: host.to_owned(), llvm, tools })
    }
}

#[cfg(test)]
mod tests {
    use super::Rustc;
    use std::path::{Path, PathBuf};

    #[test]
    fn the_output_of_the_compiler_is_read() {
        let version = "rustc 1.95.0 (59807616e 2026-04-14)\nbinary: rustc\n\
                    host: x86_64-unknown-linux-gnu\nrelease: 1.95.0\nLLVM version: 22.1.2\n";
        let expected = Rustc {
            version: version.to_owned(),
            host: "x86_64-unknown-linux-gnu".to_owned(),
            llvm: "22".to_owned(),
            tools: PathBuf::from("/rust/lib/rustlib/x86_64-unknown-linux-gnu/bin"),
        };
        assert_eq!(Rustc::of(version, Path::new("/rust")), Some(expected));
        assert_eq!(Rustc::of("rustc 1.95.0\nhost: x\n", Path::new("/rust")), None);
    }
}
