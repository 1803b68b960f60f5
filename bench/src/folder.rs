//! A folder that goes when it is no longer needed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::failure::{Outcome, while_doing};

/// A new folder of this process's own; it is removed with all that is in it when this value is dropped.
pub struct Folder(PathBuf);

impl Folder {
    /// Makes one among the temporary files.
    pub fn make(purpose: &str) -> Outcome<Self> {
        Self::make_in(&std::env::temp_dir(), purpose)
    }

    /// Makes one in another folder.
    pub fn make_in(parent: &Path, purpose: &str) -> Outcome<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("accounts-bench-{}-{number}-{purpose}", std::process::id()));
        // It must not be there: somebody else could have laid something into it.
        fs::create_dir(&path).map_err(while_doing("a temporary folder"))?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
