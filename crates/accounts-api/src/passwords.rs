//! Password hashing on threads of its own, so that log-ins never slow anything else down (security R07, R09).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use accounts_domain::passwords::is_common;
use accounts_domain::users::PasswordHash;
use argon2::password_hash::phc;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use crossbeam_channel::{Receiver, Sender, TrySendError};
use scrypt::Scrypt;
use tokio::sync::oneshot;

use crate::problem::{FieldCode, Problem};

/// How many calls may wait for each thread. One hash takes about 20 ms of a core, so that the last in the
/// queue waits for a fraction of a second.
const QUEUE_PER_THREAD: usize = 32;

/// How long a call waits for its turn. Whoever has waited that long has most likely asked again.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many bytes of a password bcrypt looks at.
const BCRYPT_READS: usize = 72;

/// What is checked where there is no user, so that nobody learns from the time that there is none (R14): the hash of
/// 32 random bytes that were kept nowhere.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$WN5A7Hjwih6RrikQG+iosw$gPSJlw59y2qha3LSA2AdFGHku+c3lDFexj23kw73X+4";

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

    /// Lets a password be chosen that others do not try first (R04). `known` is what they know of the person.
    ///
    /// # Errors
    /// 422 for the field at `pointer`.
    pub(crate) fn unless_common(self, known: &[String], pointer: &str) -> Result<Self, Problem> {
        if is_common(&self.0, known) {
            return Err(Problem::invalid_field(pointer, FieldCode::PasswordCommon));
        }
        Ok(self)
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

enum Task {
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

/// A task in the queue.
struct Work {
    task: Task,
    turn: Turn,
}

/// Whose turn it is: of the thread that begins the work, or of the caller who waits no longer. Whoever takes it first
/// has it, so that nothing is both given up and done.
#[derive(Clone, Debug, Default)]
struct Turn(Arc<AtomicBool>);

impl Turn {
    fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

/// Hashes passwords with argon2id, 19 MiB, 2 passes, 1 lane, and checks them against that and whatever was brought
/// along from elsewhere. Clones share the threads.
#[derive(Clone)]
pub struct Passwords {
    queue: Sender<Work>,
    patience: Duration,
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
    /// Where no thread can be started.
    pub fn start() -> std::io::Result<Self> {
        let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1));
        let (passwords, waiting) = Self::of(threads, PATIENCE);
        for number in 0..threads {
            let waiting = waiting.clone();
            std::thread::Builder::new()
                .name(format!("accounts-hash-{number}"))
                .spawn(move || waiting.into_iter().for_each(Work::carry_out))?;
        }
        Ok(passwords)
    }

    /// The queue before so many threads.
    fn of(threads: usize, patience: Duration) -> (Self, Receiver<Work>) {
        let (queue, waiting) = crossbeam_channel::bounded(threads * QUEUE_PER_THREAD);
        (Self { queue, patience }, waiting)
    }

    /// Hashes a password.
    ///
    /// # Errors
    /// 503 where too many wait, or for too long.
    pub async fn hash(&self, password: Password) -> Result<PasswordHash, Problem> {
        let (reply, answer) = oneshot::channel();
        let hash = self.ask(Task::Hash { password, reply }, answer).await?;
        hash.flatten()
            .ok_or_else(|| Problem::internal("a password could not be hashed"))
    }

    /// Hashes a password if nobody waits, so that it is nobody's loss.
    pub(crate) async fn hash_at_leisure(&self, password: Password) -> Option<PasswordHash> {
        if !self.queue.is_empty() {
            return None;
        }
        self.hash(password).await.ok()
    }

    /// Checks a password against a hash. Without one it does the same work and answers `false`.
    ///
    /// # Errors
    /// 503 where too many wait, or for too long.
    pub async fn verify(&self, password: Password, hash: Option<PasswordHash>) -> Result<bool, Problem> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| PasswordHash(NOBODY.to_owned()));
        let (reply, answer) = oneshot::channel();
        let right = self.ask(Task::Verify { password, hash, reply }, answer).await?;
        // A check that fails to answer is a refusal (R64).
        Ok(right.unwrap_or(false) && known)
    }

    /// Puts a task into the queue and waits for its answer; nothing where it found none.
    async fn ask<T>(&self, task: Task, mut answer: oneshot::Receiver<T>) -> Result<Option<T>, Problem> {
        let turn = Turn::default();
        let work = Work {
            task,
            turn: turn.clone(),
        };
        self.submit(work)?;
        match tokio::time::timeout(self.patience, &mut answer).await {
            Ok(done) => Ok(done.ok()),
            Err(_) if turn.take() => Err(Problem::unavailable("a password waited too long to be hashed")),
            // It has begun: it will not take much longer.
            Err(_) => Ok(answer.await.ok()),
        }
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
        if !self.turn.take() {
            return;
        }
        // Whoever asked may be gone; nobody then reads the answer.
        match self.task {
            Task::Hash { password, reply } => {
                if !reply.is_closed() {
                    let _ = reply.send(hash(&password));
                }
            }
            Task::Verify { password, hash, reply } => {
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

/// Checks a password by the algorithm that its hash names. With bcrypt a password that is longer than
/// what it reads is wrong: nothing is cut (R03). Its beginning is checked for as long as any other, and
/// does not count, so that no quicker answer tells whose hash is one of bcrypt (R14).
fn verify(password: &Password, hash: &PasswordHash) -> bool {
    let password = password.0.as_bytes();
    if hash.0.starts_with("$2") {
        let (read, cut) = password.split_at(password.len().min(BCRYPT_READS));
        return bcrypt::verify(read, &hash.0).unwrap_or(false) && cut.is_empty();
    }
    let Ok(parsed) = phc::PasswordHash::new(&hash.0) else {
        return false;
    };
    if hash.0.starts_with("$scrypt$") {
        Scrypt::new().verify_password(password, &parsed).is_ok()
    } else {
        Argon2::default().verify_password(password, &parsed).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use accounts_domain::passwords::PRESENT;

    use super::*;

    #[test]
    fn a_hash_says_its_parameters_and_matches_its_password_alone() {
        let password = Password::parse("correct horse").unwrap();
        let hash = hash(&password).unwrap();
        assert!(hash.0.starts_with(PRESENT), "{}", hash.0);
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
    async fn r_14_nobody_is_checked_like_somebody() {
        let passwords = Passwords::start().unwrap();
        let password = Password::offered("nobody has this password".into());
        assert!(!passwords.verify(password, None).await.unwrap());
        // The work is that of a hash that is made today: its parameters, its salt and its length.
        let today = hash(&Password::parse("correct horse").unwrap()).unwrap();
        let form = |text: &str| {
            let parsed = phc::PasswordHash::new(text).unwrap();
            let length = parsed.hash.map(|hash| hash.as_ref().len());
            (
                parsed.algorithm,
                parsed.version,
                parsed.params.to_string(),
                parsed.salt.map(|salt| salt.as_ref().len()),
                length,
            )
        };
        assert_eq!(form(NOBODY), form(&today.0));
    }

    #[test]
    fn r_08_hashes_that_others_made_are_checked() {
        let password = Password::parse("quiet harbour, seven lamps").unwrap();
        for foreign in [
            "$argon2id$v=19$m=65536,t=3,p=4$LlLsN0tI+wNUeFvr9NpX4w$FyllE4WxDP/RFDWkwTxV3g1C8l2tprOf8MYsosVptb8",
            "$argon2id$v=19$m=8192,t=2,p=1$G6A8Yq0JhXqMBlgC0U/WZA$zp+PuJAtTgG7/fv0B8fRDeO+KjpsjjmsmXMsdI/PiWc",
            "$2b$05$W/r8s/xgX.qevUi.bpgltu47Y1HKhcJJdWhsHi4CcJ8CZ3gDz1162",
            "$2a$10$ShiMeqPaWVcnMyLpVK3DF.CvotFJmqa.CKbQhNoIPlJcd3zcgnUwa",
            "$scrypt$ln=10,r=8,p=1$VmGh2RUDwRv3GquZMEshUQ$AgdaGLUyYPW48ZmmKkIf1BjOR/nAlz/cmC6+O9jCBhk",
            "$scrypt$ln=14,r=8,p=1$by6SlPrn7X787fF4pJ61Cg$iDEprB0C81PTLoSuDXfgDC+hIBq6YHIzqIv8Pqr2erI",
        ] {
            let hash = PasswordHash::imported(foreign).unwrap();
            assert!(verify(&password, &hash), "{foreign}");
            assert!(
                !verify(&Password::offered("quiet harbour, seven lamp".into()), &hash),
                "{foreign}"
            );
            assert!(!hash.is_present(), "{foreign}");
        }
    }

    #[test]
    fn r_03_bcrypt_cuts_no_password() {
        let long = "x".repeat(72);
        let hash = bcrypt::hash_with_salt(&long, 4, [7; 16]).unwrap();
        let hash = PasswordHash(hash.format_for_version(bcrypt::Version::TwoB));
        assert!(verify(&Password::offered(long.clone()), &hash));
        assert!(!verify(&Password::offered(format!("{long}y")), &hash));
    }

    #[actix_web::test]
    async fn r_09_what_waits_too_long_is_refused_and_never_hashed() {
        let (passwords, waiting) = Passwords::of(1, Duration::from_millis(50));
        let refused = passwords.hash(Password::offered("waits".into())).await.unwrap_err();
        assert_eq!(refused.status(), 503);
        assert!(
            refused
                .answer(&crate::problem::Told {
                    language: accounts_domain::language::Language::En,
                    request_id: "one",
                    public_url: "http://localhost",
                })
                .headers()
                .contains_key("retry-after")
        );
        // The thread that comes by later leaves it alone.
        let work = waiting.try_recv().unwrap();
        assert!(!work.turn.take());
        work.carry_out();
        // What has begun in time is waited for.
        let hashing = passwords.hash(Password::offered("is worked on".into()));
        let begins = async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            let work = waiting.try_recv().unwrap();
            std::thread::spawn(move || {
                assert!(work.turn.take());
                std::thread::sleep(Duration::from_millis(200));
                let Task::Hash { reply, .. } = work.task else {
                    panic!("another task");
                };
                drop(reply.send(Some(PasswordHash("slow".into()))));
            });
        };
        let (hash, ()) = tokio::join!(hashing, begins);
        assert_eq!(hash.unwrap(), PasswordHash("slow".into()));
    }

    #[actix_web::test]
    async fn r_08_what_is_hashed_at_leisure_waits_for_nobody() {
        let (passwords, waiting) = Passwords::of(1, Duration::from_millis(10));
        passwords.hash(Password::offered("waits".into())).await.unwrap_err();
        assert_eq!(waiting.len(), 1);
        let hash = passwords
            .hash_at_leisure(Password::offered("is not even asked for".into()))
            .await;
        assert_eq!((hash, waiting.len()), (None, 1));
    }
}
