//! Checks of the file system of a SQLite database: its type and its free space. WAL mode needs
//! shared memory between processes and reliable locks, which network file systems lack. There,
//! acknowledged events could be lost.

use std::path::Path;

use super::error::Error;

/// Types of network file systems, and of FUSE file systems with remote storage, as Linux names
/// them.
const NETWORK_FILE_SYSTEMS: &[&str] = &[
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "ncpfs",
    "9p",
    "afs",
    "coda",
    "ceph",
    "lustre",
    "glusterfs",
    "beegfs",
    "pvfs2",
    "orangefs",
    "davfs",
    "vboxsf",
    "fuse.sshfs",
    "fuse.glusterfs",
    "fuse.ceph",
    "fuse.ceph-fuse",
    "fuse.s3fs",
    "fuse.rclone",
    "fuse.gcsfuse",
    "fuse.davfs2",
    "fuse.juicefs",
    "fuse.mfs",
    "fuse.seaweedfs",
    "fuse.blobfuse",
    "fuse.blobfuse2",
    "fuse.smbnetfs",
    "fuse.curlftpfs",
    "fuse.vmhgfs-fuse",
];

/// Fails with [`Error::Unfit`] if a folder is on a network file system. Accepts the folder if the
/// mounts cannot be listed.
pub(super) fn check_folder(folder: &Path) -> Result<(), Error> {
    let Ok(folder) = folder.canonicalize() else { return Ok(()) };
    let Ok(mounts) = std::fs::read_to_string("/proc/self/mountinfo") else { return Ok(()) };
    match file_system(&mounts, &folder) {
        Some(kind) if NETWORK_FILE_SYSTEMS.contains(&kind.as_str()) => Err(Error::Unfit(format!(
            "{} is on a network file system ({kind}), which lacks the shared memory and the locks \
             that SQLite's log needs: committed events could be lost. Put the data on a local \
             disk, or use PostgreSQL (SERVICE_HOOKS_DATABASE_URL).",
            folder.display()
        ))),
        _ => Ok(()),
    }
}

/// Free and total bytes of the disk that a folder is on; `None` if the system call fails.
pub fn space(folder: &Path) -> Option<(u64, u64)> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some((disk.f_bavail.saturating_mul(disk.f_frsize), disk.f_blocks.saturating_mul(disk.f_frsize)))
}

/// The type of the file system that a path is on: that of the deepest mount point above the path.
/// Of several mounts at one mount point, the last one counts.
fn file_system(mountinfo: &str, path: &Path) -> Option<String> {
    let mounts = mountinfo.lines().filter_map(mount);
    let above = mounts.filter(|(point, _)| path.starts_with(point));
    let deepest = above.max_by_key(|(point, _)| Path::new(point).components().count());
    deepest.map(|(_, kind)| kind.to_owned())
}

/// Parses mount point and type from a line of `mountinfo`, see proc(5). A separate dash ends the
/// variable number of optional fields between the two.
fn mount(line: &str) -> Option<(String, &str)> {
    let (mount_fields, source_fields) = line.split_once(" - ")?;
    let point = mount_fields.split(' ').nth(4)?;
    Some((unescaped(point), source_fields.split(' ').next()?))
}

/// Decodes white space and backslashes, which `mountinfo` escapes in octal.
fn unescaped(point: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(point.to_owned(), |text, (escape, plain)| text.replace(escape, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro
23 22 0:21 / /proc rw,nosuid - proc proc rw
36 22 0:33 / /srv rw,relatime shared:20 master:3 - nfs4 files:/export rw,vers=4.2
37 36 254:2 / /srv/local rw - xfs /dev/vdb rw
38 22 0:34 / /mnt/my\\040share rw,relatime - cifs //server/share rw
39 22 0:35 / /data rw,relatime - ext4 /dev/vdc rw
40 39 0:36 / /data rw,relatime - fuse.sshfs me@there: rw
a line of another kind
41 22 0:40 / /short";

    #[test]
    fn the_deepest_mount_above_a_path_counts_and_the_last_one_at_a_mount_point() {
        let rows = [
            ("/", "ext4"),
            ("/var/lib/service-hooks", "ext4"),
            ("/srv", "nfs4"),
            ("/srv/hooks/data", "nfs4"),
            ("/srv/local/hooks", "xfs"),
            ("/srvice", "ext4"),
            ("/mnt/my share/x", "cifs"),
            ("/mnt/my", "ext4"),
            ("/data/x", "fuse.sshfs"),
            ("/short/x", "ext4"),
        ];
        for (path, kind) in rows {
            assert_eq!(file_system(MOUNTS, Path::new(path)).as_deref(), Some(kind), "{path}");
        }
        assert_eq!(file_system("", Path::new("/")), None);
    }

    #[test]
    fn local_and_in_memory_file_systems_are_accepted() {
        for local in ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "f2fs", "fuseblk"] {
            assert!(!NETWORK_FILE_SYSTEMS.contains(&local), "{local}");
        }
        assert!(check_folder(&std::env::temp_dir()).is_ok());
    }
}
