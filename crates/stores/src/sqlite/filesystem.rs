//! Network file systems, on which a data folder must not be.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{major, minor, statfs};

/// Magic numbers of `statfs(2)` and the names of the file systems. SQLite's write-ahead log needs
/// memory shared by all processes, and reliable locks; these file systems do not provide them.
const NETWORK: [(u32, &str); 12] = [
    (0x6969, "NFS"),
    (0x517B, "SMB"),
    (0xFE53_4D42, "SMB2"),
    (0xFF53_4D42, "CIFS"),
    (0x0102_1997, "9P"),
    (0x00C3_6400, "Ceph"),
    (0x5346_414F, "AFS"),
    (0x6B41_4653, "AFS"),
    (0x7375_7245, "Coda"),
    (0x0BD0_0BD0, "Lustre"),
    (0x4750_4653, "GPFS"),
    (0x564C, "NCP"),
];

const FUSE: u32 = 0x6573_5546;

/// FUSE file systems that store their files on this machine.
const FUSE_LOCAL: [&str; 3] = ["fuseblk", "fuse.fuse-overlayfs", "fuse.gocryptfs"];

/// The name of the network file system that `folder` is on, if any.
pub(super) fn network_name(folder: &Path) -> io::Result<Option<String>> {
    let type_field = statfs(folder)?.f_type;
    // On some machines the field is signed or 64 bits wide; the numbers always have 32 bits.
    let magic = u32::try_from(i128::from(type_field) & 0xFFFF_FFFF).unwrap_or(0);
    if magic == FUSE {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let name = mounted_type(&mounts, fs::metadata(folder)?.dev()).unwrap_or("fuse");
        return Ok((!FUSE_LOCAL.contains(&name)).then(|| name.to_owned()));
    }
    Ok(NETWORK.iter().find(|(number, _)| *number == magic).map(|(_, name)| (*name).to_owned()))
}

/// The type of the file system that is mounted from `device`, as listed in proc(5): the third field
/// is `major:minor`, and the type follows the field `-`.
fn mounted_type(mounts: &str, device: u64) -> Option<&str> {
    let number = format!("{}:{}", major(device), minor(device));
    let line = mounts.lines().find(|line| line.split(' ').nth(2) == Some(&number))?;
    line.split_once(" - ")?.1.split(' ').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
36 35 98:0 / / rw,noatime master:1 - ext4 /dev/root rw\n\
90 36 0:57 / /mnt/far rw,relatime shared:9 - fuse.sshfs me@host: rw\n";

    #[test]
    fn a_fuse_mount_is_named_by_its_type() {
        assert_eq!(mounted_type(MOUNTS, rustix::fs::makedev(0, 57)), Some("fuse.sshfs"));
        assert_eq!(mounted_type(MOUNTS, rustix::fs::makedev(0, 58)), None);
    }

    #[test]
    fn a_local_folder_is_not_on_a_network_file_system() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(network_name(folder.path()).unwrap(), None);
    }
}
