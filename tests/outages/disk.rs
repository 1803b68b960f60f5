//! The disk is full: what cannot be kept is refused, nothing is half done, and what was acknowledged stays.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use accounts_tests::json;
use tempfile::TempDir;

use super::{
    figures::tell,
    process::{Ana, Process, Start},
};

/// Where the room goes, and how it comes back.
trait Room {
    fn take(&mut self);
    fn give_back(&mut self);
}

/// Files may not grow: this needs no rights, and the system says so with another error than for a full disk.
struct Files<'a>(&'a Process);

impl Files<'_> {
    fn limit(&self, bytes: &str) {
        let status = Command::new("prlimit")
            .args([format!("--pid={}", self.0.id()), format!("--fsize={bytes}")])
            .status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "the size of files cannot be limited by `prlimit`: apt-get install util-linux"
        );
    }
}

impl Room for Files<'_> {
    fn take(&mut self) {
        self.limit("1024:unlimited");
    }

    fn give_back(&mut self) {
        self.limit("unlimited:unlimited");
    }
}

/// A file that fills a small file system.
struct Filler(PathBuf);

impl Room for Filler {
    fn take(&mut self) {
        let mut file = File::create(&self.0).unwrap();
        while file.write_all(&[0; 512]).is_ok() {}
    }

    fn give_back(&mut self) {
        fs::remove_file(&self.0).unwrap();
    }
}

/// Writes until one finds no room, and answers the last name that was acknowledged.
fn fill(ana: &Ana, contact: &str) -> String {
    let mut kept = ana.name_of(contact);
    for number in 0..5_000 {
        let name = format!("Full {number} {}", "x".repeat(60));
        let answer = ana.renames(contact, &name);
        match answer.status() {
            200 => kept.clone_from(&name),
            503 => {
                assert_eq!(answer["code"], "unavailable");
                answer.header("Retry-After");
                for word in ["disk", "SQL", "database"] {
                    assert!(!answer.body().contains(word), "{answer}");
                }
                tell("disk full: writes acknowledged before the first 503", number);
                return kept;
            }
            _ => panic!("{answer}"),
        }
    }
    panic!("the disk is never full");
}

fn without_room(service: &Process, room: &mut dyn Room) -> (String, String) {
    let ana = service.ana();
    let contact = ana.contacts.first().unwrap().clone();
    assert_eq!(ana.renames(&contact, "Before").status(), 200);
    room.take();
    let kept = fill(&ana, &contact);
    for round in 0..3 {
        // Whatever writes is refused, and changes nothing.
        let answer = ana.renames(&contact, "Lost");
        assert_eq!(answer.status(), 503, "{answer}");
        service
            .client()
            .post(
                "/v1/sign-ups",
                json!({ "address": format!("nobody{round}@example.com"), "display_name": "N", "account_name": "N" }),
            )
            .refused(503, "unavailable");
        // Whatever reads is answered.
        assert_eq!(ana.name_of(&contact), kept);
        ana.client.get("/v1/me").expect(200);
        service.client().get("/readyz").expect(200);
    }
    room.give_back();
    assert_eq!(ana.name_of(&contact), kept);
    let answer = ana.renames(&contact, "After");
    assert_eq!(answer.status(), 200, "{answer}");
    (contact, "After".to_owned())
}

#[test]
fn where_files_cannot_grow_writes_are_503_and_reads_go_on() {
    let folder = TempDir::new().unwrap();
    // The signal that comes with the limit would end the process; a full disk sends none.
    let start = Start::within(folder.path()).by(["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"]);
    let service = start.serve();
    let (contact, name) = without_room(&service, &mut Files(&service));
    start.finds_nothing_broken();
    service.stop();
    let service = start.serve();
    assert_eq!(service.ana().name_of(&contact), name);
    start.finds_nothing_broken();
}

#[test]
#[ignore = "needs a file system of its own (unshare, mount): make outages"]
fn on_a_full_disk_writes_are_503_and_reads_go_on() {
    let folder = TempDir::new().unwrap();
    let start = Start::within(folder.path());
    fs::create_dir(start.data()).unwrap();
    let data = start.data().to_owned();
    let mount = "mount -t tmpfs -o size=4m accounts \"$1\" || exit 1; shift; exec \"$@\"";
    let start = start.by(["unshare", "-rm", "sh", "-c", mount, "sh"]
        .map(Into::into)
        .into_iter()
        .chain([data.clone().into_os_string()]));
    let service = start.serve();
    // The file system is the process's own, and ends with it.
    let seen = Path::new("/proc").join(service.id().to_string()).join("root");
    let seen = seen.join(data.strip_prefix("/").unwrap());
    without_room(&service, &mut Filler(seen.join("filler")));
    let inside = [
        "nsenter",
        "--preserve-credentials",
        "-U",
        "-m",
        "-t",
        &service.id().to_string(),
    ]
    .map(str::to_owned);
    start.by(inside).finds_nothing_broken();
}
