//! Password hashing on threads of its own, so that log-ins never slow anything else down (security R07, R09).

use accounts_domain::users::PasswordHash;
use argon2::password_hash::phc;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use crossbeam_channel::{Sender, TrySendError};
use tokio::sync::oneshot;

use crate::problem::Problem;

/// How many calls may wait for each thread. One hash takes about 20 ms of a core, so that the last in the
/// queue waits for a fraction of a second.
const QUEUE_PER_THREAD: usize = 32;

/// A password as it came in. It is shown nowhere and wiped by nobody: it lives as long as its request.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// Takes a password of 8 to 256 bytes (R01), as it is: nothing is trimmed, folded or cut (R03).
    pub fn parse(text: &str) -> Option<Self> {
        accounts_domain::users::PASSWORD_BYTES
            .contains(&text.len())
            .then(|| Self(text.to_owned()))
    }

    /// Takes what somebody offers at a log-in, whatever its length: a wrong one is wrong and not malformed.
    pub fn offered(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

enum Work {
    Hash {
        password: Password,
        reply: oneshot::Sender<Option<PasswordHash>>,
    },
    Verify {
        password: Password,
        hash: PasswordHash,
        reply: oneshot::Sender<bool>,
    },
}

/// Hashes and checks passwords: argon2id, 19 MiB, 2 passes, 1 lane. Clones share the threads.
#[derive(Clone)]
pub struct Passwords {
    queue: Sender<Work>,
    /// What is checked where there is no user, so that nobody learns from the time that there is none (R14).
    nobody: PasswordHash,
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Passwords")
            .field("waiting", &self.queue.len())
            .finish_non_exhaustive()
    }
}

impl Passwords {
    /// Starts the threads: one less than the machine has cores, and at least one.
    ///
    /// # Errors
    /// Where no thread can be started, or the first hash fails.
    pub fn start() -> std::io::Result<Self> {
        let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1));
        let (queue, waiting) = crossbeam_channel::bounded::<Work>(threads * QUEUE_PER_THREAD);
        for number in 0..threads {
            let waiting = waiting.clone();
            std::thread::Builder::new()
                .name(format!("accounts-hash-{number}"))
                .spawn(move || {
                    for work in waiting {
                        work.carry_out();
                    }
                })?;
        }
        let nobody = hash(&Password("nobody has this password".to_owned()))
            .ok_or_else(|| std::io::Error::other("the password hash does not work"))?;
        Ok(Self { queue, nobody })
    }

    /// Hashes a password.
    ///
    /// # Errors
    /// 503 where too many wait.
    pub async fn hash(&self, password: Password) -> Result<PasswordHash, Problem> {
        let (reply, answer) = oneshot::channel();
        self.submit(Work::Hash { password, reply })?;
        match answer.await {
            Ok(Some(hash)) => Ok(hash),
            Ok(None) | Err(_) => Err(Problem::internal("a password could not be hashed")),
        }
    }

    /// Checks a password against a hash. Without one it does the same work and answers `false`.
    ///
    /// # Errors
    /// 503 where too many wait.
    pub async fn verify(&self, password: Password, hash: Option<PasswordHash>) -> Result<bool, Problem> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.nobody.clone());
        let (reply, answer) = oneshot::channel();
        self.submit(Work::Verify { password, hash, reply })?;
        // A check that fails to answer is a refusal (R64).
        Ok(answer.await.unwrap_or(false) && known)
    }

    fn submit(&self, work: Work) -> Result<(), Problem> {
        self.queue.try_send(work).map_err(|error| match error {
            TrySendError::Full(_) => Problem::unavailable("too many passwords wait to be hashed"),
            TrySendError::Disconnected(_) => Problem::internal("the hashing threads have ended"),
        })
    }
}

impl Work {
    fn carry_out(self) {
        // Whoever asked may be gone; nobody then reads the answer.
        match self {
            Self::Hash { password, reply } => {
                if !reply.is_closed() {
                    let _ = reply.send(hash(&password));
                }
            }
            Self::Verify { password, hash, reply } => {
                if !reply.is_closed() {
                    let _ = reply.send(verify(&password, &hash));
                }
            }
        }
    }
}

fn hash(password: &Password) -> Option<PasswordHash> {
    let hash: phc::PasswordHash = Argon2::default().hash_password(password.0.as_bytes()).ok()?;
    Some(PasswordHash(hash.to_string()))
}

fn verify(password: &Password, hash: &PasswordHash) -> bool {
    phc::PasswordHash::new(&hash.0)
        .is_ok_and(|hash| Argon2::default().verify_password(password.0.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_says_its_parameters_and_matches_its_password_alone() {
        let password = Password::parse("correct horse").unwrap();
        let hash = hash(&password).unwrap();
        assert!(hash.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.0);
        assert!(verify(&password, &hash));
        assert!(!verify(&Password::offered("correct horse ".into()), &hash));
    }

    #[test]
    fn bounds_are_bytes_and_nothing_else_counts() {
        assert!(Password::parse("1234567").is_none());
        assert!(Password::parse("12345678").is_some());
        assert!(Password::parse("🔑🔑").is_some());
        assert!(Password::parse(&"x".repeat(256)).is_some());
        assert!(Password::parse(&"x".repeat(257)).is_none());
        assert_eq!(format!("{:?}", Password::offered("secret".into())), "Password(…)");
    }

    #[actix_web::test]
    async fn nobody_is_checked_like_somebody() {
        let passwords = Passwords::start().unwrap();
        let password = Password::offered("nobody has this password".into());
        assert!(!passwords.verify(password, None).await.unwrap());
    }
}
