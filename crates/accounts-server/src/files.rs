//! Files for their owner alone.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes a file that only its owner reads. It is there whole, with what it held before or with this; the folder is
/// made for its owner alone if it is missing.
///
/// # Errors
/// Whatever the system says; the file is then as it was.
pub fn write_for_owner(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::other("this is not the path of a file"))?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        Some(_) | None => PathBuf::from("."),
    };
    make_folder(&folder)?;
    let mut unfinished = std::ffi::OsString::from(".");
    unfinished.push(name);
    unfinished.push(".unfinished");
    let unfinished = folder.join(unfinished);
    let written = fill(&unfinished, bytes).and_then(|()| fs::rename(&unfinished, path));
    if written.is_err() {
        drop(fs::remove_file(&unfinished));
    }
    written?;
    // The new name is on the disk once its folder is.
    File::open(&folder)?.sync_all()
}

/// Makes a folder that only its owner opens; one that is there stays as it is.
///
/// # Errors
/// Whatever the system says.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(folder)
}

fn fill(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // What a crash left behind may have other rights.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_is_its_owners_alone() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("data").join("secret");
        for text in ["first", "second"] {
            write_for_owner(&path, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let rights = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(rights(&path), 0o600);
            assert_eq!(rights(path.parent().unwrap()), 0o700);
        }
    }

    #[test]
    fn what_a_crash_left_behind_is_no_obstacle() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join(".secret.unfinished"), "half").unwrap();
        write_for_owner(&place.path().join("secret"), b"whole").unwrap();
        assert_eq!(fs::read_to_string(place.path().join("secret")).unwrap(), "whole");
    }

    #[test]
    fn a_folder_is_no_file() {
        assert!(write_for_owner(Path::new("/"), b"").is_err());
    }
}
