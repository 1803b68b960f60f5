//! Mails as files, for a machine that sends none.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use lettre::Message;

use super::{Reason, SendError};

/// A folder of `.eml` files that only their owner can read: they carry links.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes the folder if it is missing.
    ///
    /// # Errors
    /// Where it can be neither made nor kept to its owner.
    pub fn open(path: PathBuf) -> io::Result<Self> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
            builder.mode(0o700).create(&path)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700))?;
        }
        #[cfg(not(unix))]
        builder.create(&path)?;
        Ok(Self { path })
    }

    /// Where the files are.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a message to `<name>.eml`. The file is there whole or not at all, and another try
    /// replaces it.
    pub(super) async fn write(&self, name: &str, message: &Message) -> Result<(), SendError> {
        let path = self.path.join(format!("{name}.eml"));
        // A dot file, and not `.eml`: whoever lists the folder does not see what is being written.
        let unfinished = self.path.join(format!(".{name}.unfinished"));
        let bytes = message.formatted();
        tokio::task::spawn_blocking(move || replace(&path, &unfinished, &bytes))
            .await
            .map_err(io::Error::other)
            .flatten()
            .map_err(|error| SendError::Later(Reason::new(error)))
    }
}

fn replace(path: &Path, unfinished: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(unfinished, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(subject: &str) -> Message {
        Message::builder()
            .from("a@provider.example".parse().unwrap())
            .to("b@customer.example".parse().unwrap())
            .subject(subject)
            .body("Hello".to_owned())
            .unwrap()
    }

    #[tokio::test]
    async fn a_mail_is_one_file_for_its_owner_alone_however_often_it_is_tried() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::open(place.path().join("data").join("mail")).unwrap();
        for subject in ["first", "second"] {
            folder.write("2026_mai_1", &message(subject)).await.unwrap();
        }
        let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(Result::unwrap).collect();
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].file_name(), "2026_mai_1.eml");
        assert!(
            fs::read_to_string(files[0].path())
                .unwrap()
                .contains("Subject: second\r\n")
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(files[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777, 0o700);
        }
    }

    #[tokio::test]
    async fn a_folder_that_went_away_is_a_reason_to_try_later() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::open(place.path().join("mail")).unwrap();
        fs::remove_dir(folder.path()).unwrap();
        let refused = folder.write("2026_mai_1", &message("x")).await.unwrap_err();
        assert!(matches!(refused, SendError::Later(_)), "{refused:?}");
    }
}
