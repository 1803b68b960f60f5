//! The README's tour, by copy and paste.

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::pages::{Block, blocks, file, section, shows};
use super::service::{Service, accounts, waited};

/// How long the tour may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// Stands between what two blocks print.
const MARK: &str = "-- the next block --";

/// A block of commands, and what the page shows below it.
struct Step {
    commands: String,
    shown: String,
}

#[test]
fn the_tour_does_what_it_shows() {
    let readme = file("README.md");
    let steps = steps(section(&readme, "## Tour"));
    let mut service = Service::made_to_run();
    let printed = walk(&service, &steps);
    assert_eq!(printed.len(), steps.len(), "{printed:#?}");
    for (Step { commands, shown }, printed) in steps.iter().zip(printed) {
        let shown = service.at_its_address(shown);
        assert!(
            shows(&shown, &printed),
            "{commands}\nshould print\n{shown}\nand printed\n{printed}"
        );
    }
    assert!(service.end().success(), "{}", service.log());
    let checked = accounts(service.folder()).arg("check-db").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&checked.stdout), "Nothing is broken.\n");
}

#[test]
fn the_service_says_at_its_start_what_the_readme_shows() {
    let readme = file("README.md");
    let shown = blocks(section(&readme, "## Start"))
        .into_iter()
        .find(|block| block.kind == "text")
        .unwrap();
    let service = Service::made_to_run();
    assert!(
        shows(&service.at_its_address(&shown.text), service.welcome()),
        "{}",
        service.welcome()
    );
}

fn steps(tour: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for Block { kind, text } in blocks(tour) {
        match kind {
            "sh" => steps.push(Step {
                commands: text,
                shown: String::new(),
            }),
            "text" => steps.last_mut().unwrap().shown.push_str(&text),
            other => panic!("a block of the tour is `sh` or `text`, and not `{other}`"),
        }
    }
    assert!(steps.len() > 8, "the tour has lost its steps");
    steps
}

/// Runs the commands of all steps in one shell, and answers what each step printed.
fn walk(service: &Service, steps: &[Step]) -> Vec<String> {
    let commands: Vec<String> = steps
        .iter()
        .map(|step| service.at_its_address(&step.commands))
        .collect();
    let (script, printed) = (service.folder().join("tour.sh"), service.folder().join("printed"));
    fs::write(&script, commands.join(&format!("echo '{MARK}'\n"))).unwrap();
    let out = File::create(&printed).unwrap();
    let mut shell = Command::new("sh")
        .arg("-eu")
        .arg(&script)
        .current_dir(service.folder())
        // A proxy and a `.curlrc` are of no concern to a service on this machine.
        .env("HOME", service.folder())
        .env("NO_PROXY", "localhost")
        .env("no_proxy", "localhost")
        .stdin(Stdio::null())
        .stderr(out.try_clone().unwrap())
        .stdout(out)
        .spawn()
        .unwrap();
    let ended = waited(&mut shell, PATIENCE);
    if ended.is_none() {
        shell.kill().unwrap();
        shell.wait().unwrap();
    }
    let printed = fs::read_to_string(&printed).unwrap();
    assert!(
        ended.is_some_and(|status| status.success()),
        "{ended:?}\n{printed}\n{}",
        service.log()
    );
    printed.split(&format!("{MARK}\n")).map(str::to_owned).collect()
}
