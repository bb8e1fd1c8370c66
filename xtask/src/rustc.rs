//! The compiler that cargo uses, as it tells about itself.

use crate::failure::Failure;
use crate::workspace;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The compiler.
#[derive(Debug, PartialEq, Eq)]
pub struct Rustc {
    /// All that it tells of its version.
    pub told: String,
    /// What it builds for when it is told nothing, as `x86_64-unknown-linux-gnu`.
    pub host: String,
    /// The version of its LLVM, as `22`.
    pub llvm: String,
    /// Where rustup puts the tools of that LLVM.
    pub tools: PathBuf,
}

impl Rustc {
    pub fn seen() -> Result<Self, Failure> {
        let rustc = env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
        // In the root, where the workspace says which toolchain it wants.
        let ask = |what: &[&str]| {
            workspace::output(Command::new(&rustc).args(what).current_dir(workspace::root()))
        };
        let (told, sysroot) = (ask(&["-vV"])?, ask(&["--print", "sysroot"])?);
        Self::of(&told, Path::new(sysroot.trim()))
            .ok_or_else(|| Failure::new(format!("rustc does not tell its host and LLVM:\n{told}")))
    }

    fn of(told: &str, sysroot: &Path) -> Option<Self> {
        let after = |name: &str| told.lines().find_map(|line| line.strip_prefix(name));
        let (host, llvm) = (after("host: ")?, after("LLVM version: ")?);
        let tools = sysroot.join("lib/rustlib").join(host).join("bin");
        let llvm = llvm.split('.').next()?.to_owned();
        Some(Self { told: told.to_owned(), host: host.to_owned(), llvm, tools })
    }
}

#[cfg(test)]
mod tests {
    use super::Rustc;
    use std::path::{Path, PathBuf};

    #[test]
    fn the_compiler_tells_what_its_profiles_are_read_with() {
        let told = "rustc 1.95.0 (59807616e 2026-04-14)\nbinary: rustc\n\
                    host: x86_64-unknown-linux-gnu\nrelease: 1.95.0\nLLVM version: 22.1.2\n";
        let expected = Rustc {
            told: told.to_owned(),
            host: "x86_64-unknown-linux-gnu".to_owned(),
            llvm: "22".to_owned(),
            tools: PathBuf::from("/rust/lib/rustlib/x86_64-unknown-linux-gnu/bin"),
        };
        assert_eq!(Rustc::of(told, Path::new("/rust")), Some(expected));
        assert_eq!(Rustc::of("rustc 1.95.0\nhost: x\n", Path::new("/rust")), None);
    }
}
